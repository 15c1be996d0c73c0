"""`python -m deploy.grafana [FOLDER]`: write every dashboard into FOLDER, or where Grafana is told to read them."""

import json
import sys
from pathlib import Path

from deploy.grafana import embedding, facts, retention, runbook, service, tenants

FOLDER = Path(__file__).parent / "dashboards"
BOARDS = {
    "service": service.BOARD,
    "embedding": embedding.BOARD,
    "retention": retention.BOARD,
    "facts": facts.BOARD,
    "tenants": tenants.BOARD,
    "runbook": runbook.BOARD,
}


def write(folder: Path) -> None:
    for name, board in BOARDS.items():
        (folder / f"{name}.json").write_text(json.dumps(board, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
