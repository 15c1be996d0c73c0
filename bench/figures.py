"""What was measured, as figures: median, p95, p99 and spread, and the ratio to a reference point of the same run."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.loading import Slice
from memories.usage.embedded import percentile


@dataclass(frozen=True)
class Ratio:
    """Of what was measured to `of`, turn by turn: the median, the lowest and the highest."""

    of: str
    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}–{self.high:.2f}) of {self.of}"


@dataclass(frozen=True)
class Figure:
    """One line: `what`, by so many `clients` at once, over `data`; items a second, times in milliseconds."""

    what: str
    data: str
    clients: int
    rate: float
    low: float
    high: float
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    answered: int = 0
    errors: int = 0
    cpu: float | None = None
    ratio: Ratio | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def figure(
    what: str, slices: Sequence[Slice], *, data: str, clients: int, than: tuple[str, Sequence[Slice]] | None = None
) -> Figure:
    """`rate` is the median over the slices, `low` and `high` their spread; `cpu`: the loader's, ms a request."""
    rates = [one.rate for one in slices]
    taken = sorted(value for one in slices for value in one.milliseconds)
    answered, errors = len(taken), sum(one.errors for one in slices)
    cpu = sum(one.cpu for one in slices)
    return Figure(
        what=what,
        data=data,
        clients=clients,
        rate=statistics.median(rates),
        low=min(rates),
        high=max(rates),
        p50=percentile(taken, 0.50),
        p95=percentile(taken, 0.95),
        p99=percentile(taken, 0.99),
        answered=answered,
        errors=errors,
        cpu=1000 * cpu / (answered + errors) if cpu and answered else None,
        ratio=_ratio(rates, than) if than else None,
    )


def _ratio(rates: Sequence[float], than: tuple[str, Sequence[Slice]]) -> Ratio | None:
    name, slices = than
    each = [mine / theirs.rate for mine, theirs in zip(rates, slices, strict=True) if theirs.rate]
    return Ratio(name, statistics.median(each), min(each), max(each)) if each else None
