"""Whether the service keeps its promises under faults: `python -m chaos --writes 20000 --faults 60 --seed N`.

Starts services of its own, loads them from a process of its own, has faults happen that the seed draws, and compares
what clients were told with what is there. Ends with 0 if every promise was kept, else with 1.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--writes", type=int, default=20_000, help="accepted ones, at least (default %(default)s)")
    parser.add_argument("--faults", type=int, default=60, help="default %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default %(default)s")
    parser.add_argument("--only", help="faults whose name has this text, with the bundled model")
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary one, removed at the end")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")
    with tempfile.TemporaryDirectory(prefix="memory-chaos-") as temporary:
        sys.exit(_run(given, given.folder or Path(temporary)))


def _run(given: argparse.Namespace, folder: Path) -> int:
    from chaos import report, run
    from memory_layer.running import free_port

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    started = time.monotonic()

    def say(line: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - started), 60)
        console.print(f"[{minutes:02}:{seconds:02}] {line}", markup=False)

    plans = run.plans(writes=given.writes, faults=given.faults, seed=given.seed, only=given.only)
    outcomes = [
        run.carry_out(plan, folder=folder / f"part{number}", port=free_port(), seed=given.seed, say=say)
        for number, plan in enumerate(plans, 1)
    ]
    told = report.summary(outcomes, seed=given.seed, seconds=time.monotonic() - started)
    report.show(told, console)
    if given.json:
        given.json.write_text(json.dumps(told, indent=2))
    return 0 if told["kept"] else 1


if __name__ == "__main__":
    main()
