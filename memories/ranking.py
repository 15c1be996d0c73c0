"""From what each retrieval says of a message to one rank score. Pure: data in, data out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Candidate:
    """What is known of a message before ranking. Ranks count from 1; None: that retrieval did not find it."""

    message_id: UUID
    importance: float
    recency: float
    similarity: float | None = None
    semantic_rank: int | None = None
    lexical: float | None = None
    lexical_rank: int | None = None


@dataclass(frozen=True)
class Ranked:
    candidate: Candidate
    score: float
    parts: Mapping[str, float]


def rank(candidates: Iterable[Candidate], *, weights: Mapping[str, float]) -> list[Ranked]:
    """Order by score, best first; equal scores by id, so that the order never depends on luck.

    `weights` has semantic, lexical, importance and recency. The score is the weighted mean of those parts, each 0 to 1:
    similarity as it is, the lexical value as a share of the best one found, importance and recency at the moment.
    """
    pool = list(candidates)
    best = max((one.lexical or 0.0 for one in pool), default=0.0) or 1.0
    total = sum(weights.values())
    ranked = [_blend(one, best=best, weights=weights, total=total) for one in pool]
    return sorted(ranked, key=lambda one: (-one.score, one.candidate.message_id))


def _blend(one: Candidate, *, best: float, weights: Mapping[str, float], total: float) -> Ranked:
    parts = {
        "semantic": max(one.similarity or 0.0, 0.0),
        "lexical": (one.lexical or 0.0) / best,
        "importance": one.importance,
        "recency": one.recency,
    }
    return Ranked(one, sum(weights[name] * value for name, value in parts.items()) / total, parts)
