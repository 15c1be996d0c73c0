"""The alerts that fire, and what docs/operations.md says about each."""

import re
from pathlib import Path

from deploy.grafana.board import dashboard
from deploy.grafana.panels import ranking, text

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def alerts_section() -> str:
    """The section "Alerts" of docs/operations.md, without its heading."""
    _, section = re.split(r"^## Alerts\n", OPERATIONS.read_text(), flags=re.MULTILINE)
    return re.split(r"^## ", section, flags=re.MULTILINE)[0].strip() + "\n"


FIRING = ranking(
    "Firing",
    {"{{alertname}} {{severity}}": 'sum by (alertname, severity) (ALERTS{alertstate="firing"})'},
    about="Alerts that are firing, and how many of each. Empty: none.",
    steps=[("red", None)],
)
BOARD = dashboard(
    "runbook",
    uid="memory-runbook",
    about="The alerts that fire, what each means and what to do: the section Alerts of docs/operations.md.",
    rows={"Now": [[FIRING]], "What to do": [[text("", alerts_section(), height=60)]]},
)
