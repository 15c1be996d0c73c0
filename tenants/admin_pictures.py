"""Pictures of the admin, as SVG that templates draw: no script or style of a page's own is allowed."""

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 96  # of columns, in pixels


@dataclass(frozen=True)
class Column:
    """A value as drawn: where it begins and how wide it is in percent, where its top is and how high in pixels."""

    said: str
    left: float
    width: float
    top: float
    height: float
    is_over: bool


@dataclass(frozen=True)
class Columns:
    """Values beside each other; `line` is where a limit is, in pixels from the top, None without one."""

    title: str
    columns: list[Column]
    line: float | None
    ends: tuple[str, str]
    rows: list[tuple[str, str]]
    height: int = HEIGHT


@dataclass(frozen=True)
class Part:
    """A piece of a bar: what it is of, where it begins and how wide it is, both in percent of the longest bar."""

    action: str
    start: float
    width: float


@dataclass(frozen=True)
class Bar:
    """`url`: where its label leads, if anywhere."""

    label: str
    said: str
    parts: list[Part]
    url: str = ""


def columns(values: Sequence[tuple[str, int]], *, title: str, unit: str, limit: int = 0) -> Columns:
    """A column for each (label, value); what is over a `limit` stands out."""
    highest = max([limit, 1, *(value for _, value in values)])
    return Columns(
        title=title,
        columns=[_column(place, *one, unit, highest, limit, of=len(values)) for place, one in enumerate(values)],
        line=_top(limit, highest) if limit else None,
        ends=(values[0][0], values[-1][0]),
        rows=[(label, f"{value:,}") for label, value in values],
    )


def _column(place: int, label: str, value: int, unit: str, highest: int, limit: int, *, of: int) -> Column:
    top = _top(value, highest)
    return Column(
        said=f"{label}: {value:,} {unit}",
        left=round(100 * place / of, 2),
        width=round(80 / of, 2),
        top=top,
        height=HEIGHT - top,
        is_over=bool(limit) and value > limit,
    )


def _top(value: int, highest: int) -> float:
    """Pixels from the top, below a margin for the line of the limit."""
    return round(HEIGHT - (HEIGHT - 2) * value / highest, 1)


def bars(values: Sequence[tuple[str, int]], *, action: str, urls: Sequence[str] = ()) -> list[Bar]:
    """A bar for each (label, value), the longest one as long as there is room; `urls`, one each: where they lead."""
    most = max([1, *(value for _, value in values)])
    return [
        Bar(label, f"{value:,}", [Part(action, 0, 100 * value / most)], url)
        for (label, value), url in zip(values, urls or [""] * len(values), strict=True)
    ]
