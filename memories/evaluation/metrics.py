"""Measures of a ranking, and how sure they are. Pure.

`ranked` are ids, best first, each once; `relevant` is never empty. All measures lie between 0 and 1.
"""

import math
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

KS = (1, 3, 5, 10)
RESAMPLES = 2000
SEED = 20_231
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def recall(ranked: Sequence[str], relevant: Set[str], *, k: int) -> float:
    """The share of what is relevant that is among the first k."""
    return len(relevant & set(ranked[:k])) / len(relevant)


def hit(ranked: Sequence[str], relevant: Set[str], *, k: int) -> float:
    """Whether anything relevant is among the first k."""
    return float(not relevant.isdisjoint(ranked[:k]))


def every(ranked: Sequence[str], relevant: Set[str], *, k: int) -> float:
    """Whether everything relevant is among the first k."""
    return float(relevant <= set(ranked[:k]))


def reciprocal_rank(ranked: Sequence[str], relevant: Set[str]) -> float:
    """1 over the rank of the first that is relevant, 0 without one."""
    return next((1 / rank for rank, one in enumerate(ranked, start=1) if one in relevant), 0.0)


def ndcg(ranked: Sequence[str], relevant: Set[str], *, k: int) -> float:
    """Normalised discounted cumulative gain with gains of 0 and 1 (Järvelin and Kekäläinen, 2002)."""
    gained = sum(_discount(rank) for rank, one in enumerate(ranked[:k], start=1) if one in relevant)
    return gained / sum(_discount(rank) for rank in range(1, min(k, len(relevant)) + 1))


def _discount(rank: int) -> float:
    return 1 / math.log2(rank + 1)


def cuts(top_k: int) -> list[int]:
    """At which ranks a ranking of `top_k` is measured; the last one is `top_k` itself."""
    return sorted({top_k, *(k for k in KS if k < top_k)})


def measured(ranked: Sequence[str], relevant: Set[str], *, top_k: int) -> dict[str, float]:
    """Every measure of one question, by name."""
    by_k = {"recall": recall, "hit": hit, "all": every}
    at = {f"{name}@{k}": measure(ranked, relevant, k=k) for name, measure in by_k.items() for k in cuts(top_k)}
    return at | {"MRR": reciprocal_rank(ranked, relevant), f"nDCG@{top_k}": ndcg(ranked, relevant, k=top_k)}


def estimates(values: Collection[Sequence[float]]) -> list[Estimate]:
    """Of each row of `values`, one number a question: the mean, and a percentile bootstrap over the questions.

    All rows are resampled alike, the same way in every run.
    """
    rows: Numbers = np.array(list(values), dtype=np.float64)
    count = rows.shape[1]
    low, high = np.percentile(_drawn(count) @ rows.T / count, [2.5, 97.5], axis=0)
    means = rows.mean(axis=1)
    return [Estimate(*map(float, one)) for one in zip(means, low, high, strict=True)]


@lru_cache(maxsize=16)
def _drawn(count: int) -> Numbers:
    """How often each of `count` questions is in each resample, shape (RESAMPLES, count)."""
    drawn = np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    return drawn.astype(np.float64)
