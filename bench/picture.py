"""A run as an SVG: of each operation how many a second, by data and clients, on a logarithmic scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.template import Context, Engine

from bench.figures import Figure

COLOURS = ("#0f766e", "#94a3b8", "#e2b97f", "#64748b", "#cbd5e1")
BAR, GAP, HEIGHT, LEFT, TOP, BETWEEN, WIDTH_MIN = 14, 22, 130, 56, 66, 64, 420
GROUP_MIN = 150  # pixels, for the name under it


@dataclass(frozen=True)
class Bar:
    """In pixels; the line from `low` to `high` is the spread over the slices, `label` what a pointer over it shows."""

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
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Panel:
    """One operation: groups of bars, a group for each data and a bar in it for each number of clients."""

    name: str
    top: int
    below: int
    right: int
    lines: Sequence[tuple[str, float]]
    groups: Sequence[Group]


def drawn(figures: Sequence[Figure]) -> str:
    clients = sorted({one.clients for one in figures})
    panels = [
        _panel(name, place, [one for one in figures if one.what == name], clients)
        for place, name in enumerate(dict.fromkeys(one.what for one in figures))
    ]
    context = {
        "title": "How many a second, by clients at once",
        "legend": [(8 + 110 * n, _colour(n), f"{count} at once") for n, count in enumerate(clients)],
        "panels": panels,
        "bar_width": BAR - 2,
        "width": max([WIDTH_MIN, *(panel.right + GAP for panel in panels)]),
        "height": TOP + len(panels) * (HEIGHT + BETWEEN),
    }
    template = Engine(libraries={"l10n": "django.templatetags.l10n"}).from_string(_template())
    return str(template.render(Context(context)))


def _template() -> str:
    return (Path(__file__).parent / "picture.svg").read_text()


def _panel(name: str, place: int, figures: Sequence[Figure], clients: Sequence[int]) -> Panel:
    top = TOP + place * (HEIGHT + BETWEEN)
    floor = top + 18 + HEIGHT
    scale = _Scale(figures, floor)
    step = max(GROUP_MIN, BAR * len(clients) + GAP)
    margin = (step - BAR * len(clients)) // 2
    names = list(dict.fromkeys(one.data for one in figures))
    groups = []
    for number, data in enumerate(names):
        left = LEFT + number * step
        mine = {one.clients: one for one in figures if one.data == data}  # the last, of what was measured several times
        bars = [_bar(left + margin + BAR * clients.index(n), one, clients, scale, floor) for n, one in mine.items()]
        groups.append(Group(data, left + step / 2, bars))
    return Panel(name, top, floor + 16, LEFT + step * len(names), scale.lines(), groups)


class _Scale:
    """Powers of ten that hold all of `figures`."""

    def __init__(self, figures: Sequence[Figure], floor: int) -> None:
        rates = [max(value, 0.1) for one in figures for value in (one.low, one.rate, one.high)]
        self.low = math.floor(math.log10(min(rates)))
        self.high = max(math.ceil(math.log10(max(rates))), self.low + 1)
        self.floor = floor

    def y(self, rate: float) -> float:
        share = (math.log10(max(rate, 0.1)) - self.low) / (self.high - self.low)
        return round(self.floor - HEIGHT * max(share, 0.0), 1)

    def lines(self) -> list[tuple[str, float]]:
        return [(f"{10.0**power:,g}", self.y(10.0**power)) for power in range(self.low, self.high + 1)]


def _bar(x: int, one: Figure, clients: Sequence[int], scale: _Scale, floor: int) -> Bar:
    y = scale.y(one.rate)
    p95 = f", p95 {one.p95:.1f} ms" if one.p95 is not None else ""
    ratio = f", {one.ratio}" if one.ratio else ""
    return Bar(
        x=x,
        y=y,
        height=round(floor - y, 1),
        low=scale.y(one.low),
        high=scale.y(one.high),
        middle=x + (BAR - 2) / 2,
        colour=_colour(clients.index(one.clients)),
        label=f"{one.clients} at once: {one.rate:,.1f} a second{p95}{ratio}",
    )


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]
