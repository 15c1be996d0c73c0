"""The headline of a run as an SVG: bars with their 95 % intervals, by category and system."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.template.loader import render_to_string

from memories.evaluation import results as summing
from memories.evaluation.metrics import Estimate
from memories.evaluation.results import Results

COLOURS = ("#0f766e", "#94a3b8", "#cbd5e1", "#64748b", "#e2b97f")
BAR, GAP, HEIGHT, LEFT, TOP = 18, 24, 220, 44, 56


@dataclass(frozen=True)
class Bar:
    """In pixels; `label` is what a pointer over it shows."""

    x: int
    y: float
    height: float
    low: float
    high: float
    middle: float
    colour: str
    label: str


@dataclass(frozen=True)
class Group:
    name: str
    middle: float
    bars: list[Bar]


def drawn(results: Results) -> str:
    systems = list(results.scores)
    step = BAR * len(systems) + GAP
    groups = [
        _group(name, LEFT + GAP // 2 + number * step, _headlines(results, name))
        for number, name in enumerate(summing.by_category(results))
    ]
    width = LEFT + step * len(groups) + GAP // 2
    context = {
        "title": f"{results.headline}, {len(results.labelled.questions):,} questions",
        "width": max(width, LEFT + 130 * len(systems)),
        "right": width,
        "below": TOP + HEIGHT + 18,
        "full_height": TOP + HEIGHT + 36,
        "lines": [(f"{share:.1f}", _y(share)) for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)],
        "legend": [(LEFT + 130 * n, COLOURS[n % len(COLOURS)], name) for n, name in enumerate(systems)],
        "groups": groups,
        "bar_width": BAR - 2,
    }
    return render_to_string("memories/evaluation/picture.svg", context)


def _headlines(results: Results, category: str) -> dict[str, Estimate]:
    questions = summing.by_category(results)[category]
    return {
        system: summing.estimated(results, system=system, questions=questions)[results.headline]
        for system in results.scores
    }


def _group(name: str, left: int, estimates: Mapping[str, Estimate]) -> Group:
    bars = [_bar(left + BAR * n, n, system, one) for n, (system, one) in enumerate(estimates.items())]
    return Group(name or "none", middle=left + BAR * len(bars) / 2, bars=bars)


def _bar(x: int, number: int, system: str, one: Estimate) -> Bar:
    return Bar(
        x=x,
        y=_y(one.mean),
        height=round(HEIGHT * one.mean, 1),
        low=_y(one.low),
        high=_y(one.high),
        middle=x + (BAR - 2) / 2,
        colour=COLOURS[number % len(COLOURS)],
        label=f"{system}: {one}",
    )


def _y(share: float) -> float:
    return round(TOP + HEIGHT * (1 - share), 1)
