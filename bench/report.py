"""A run as a table for the terminal, as Markdown, and as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bench.figures import Figure

HEADER = (*("what", "of", "clients", "a second", "spread", "p50 ms", "p95 ms", "p99 ms", "errors", "ratio"),)


def cells(one: Figure) -> list[str]:
    times = [_time(value) for value in (one.p50, one.p95, one.p99)]
    spread = f"{_rate(one.low)}–{_rate(one.high)}"
    return [
        one.what,
        one.data,
        str(one.clients),
        _rate(one.rate),
        spread,
        *times,
        str(one.errors),
        str(one.ratio or ""),
    ]


def line(one: Figure) -> str:
    """For the terminal, as soon as it is known."""
    what, data, clients, rate, spread, p50, p95, p99, errors, ratio = cells(one)
    failed = f"  {errors} ERRORS" if one.errors else ""
    return (
        f"{what:28} {data:24} {clients:>4} {rate:>8}/s {spread:>17}"
        f"  p50 {p50:>7} p95 {p95:>7} p99 {p99:>7} ms  {ratio}{failed}"
    )


def as_markdown(figures: Sequence[Figure]) -> str:
    rows = [HEADER, ["---"] * len(HEADER), *map(cells, figures)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def as_json(figures: Sequence[Figure], *, now: datetime, options: dict[str, Any]) -> str:
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    found = {
        "at": now.isoformat(),
        "machine": machine,
        "options": options,
        "figures": [one.as_json() for one in figures],
    }
    return json.dumps(found, indent=1, default=str) + "\n"


def _rate(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _time(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
