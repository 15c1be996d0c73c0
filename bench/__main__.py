"""How fast the service is, against what it stands on: `python -m bench`.

Starts a stack of its own, fills it, loads it from a second process over loopback, and prints each figure with the ratio
to a reference point measured in the same turns: docs/performance.md says what each line means. `--quick` takes two
minutes. The caller's MEMORY_EMBEDDING_* variables choose the model; all others are its own.
"""

import argparse
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench import servers

PARTS = ("search", "recall", "store", "batch", "ingest", "embedding")


QUICK: dict[str, Any] = {"messages": [1_000], "tenants": [1], "clients": [1, 32], "seconds": 1.0, "sentences": 500}
FULL: dict[str, Any] = {
    "messages": [1_000, 20_000, 200_000],
    "tenants": [1, 1_000],
    "clients": [1, 32, 100],
    "seconds": 8.0,
    "sentences": 5_000,
}


def main() -> None:
    options = arguments().parse_args()
    for name, value in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    with servers.folder(options.keep) as place:
        from bench import run

        run.run(options, place)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=_parts, default=PARTS, help=f"of {','.join(PARTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="small data, short slices: two minutes")
    parser.add_argument("--messages", type=servers.numbers, help="of one tenant (default 1000,20000,200000)")
    parser.add_argument(
        "--tenants", type=servers.numbers, help="1: of the sizes above; more: as many small ones (1,1000)"
    )
    parser.add_argument("--clients", type=servers.numbers, help="at once (default 1,32,100)")
    parser.add_argument("--seconds", type=float, help="for each load (default 8)")
    parser.add_argument("--sentences", type=int, help="that are really embedded, and mixed (default 5000)")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes of the API (default: cores)"
    )
    parser.add_argument("--threads", type=int, help="of each process of the API (default: the product's)")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--picture", type=Path, help="where to draw them, as SVG")
    parser.add_argument("--markdown", type=Path, help="where to write them as a table")
    parser.add_argument("--keep", type=Path, help="a new folder to keep data and logs in")
    return parser


def _parts(text: str) -> Iterable[str]:
    if unknown := set(text.split(",")) - set(PARTS):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(PARTS)}")
    return text.split(",")


if __name__ == "__main__":
    main()
