"""From what is known of messages to one score for each. Pure: data in, data out.

The parts of a score, each 0 to 1, and why they are there (gains and costs: docs/search.md):

* `semantic`: by late interaction where the provider shows token vectors, else the cosine of the whole texts;
* `lexical`: how much of the query's words, weighted by rarity, the message holds (BM25 as a share);
* `context`: the same of the message together with the turns before and after it;
* `exact`: it holds the identifiers of the query (codes, addresses, versions) as they are written there;
* `speaker`: it was said by the participant whom the query names;
* `statement`: it is no question, which seldom answers one;
* `answer`: it follows a question, that near to the query;
* `conversation`: how well its sitting's best turns do (a conversation's turns of one day);
* `date`: how near it is to a time that the query names;
* `importance` and `recency`, as of now: they order near-equals.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from uuid import UUID

from memories.ranking.bm25 import covered

# What a point of late interaction and a point of cosine tell, so that one set of weights serves providers with token
# vectors and without: fitted apart, the other weights came out three times as large relative to the former.
OF_CLOSENESS, OF_COSINE = 2.0, 2 / 3
# A question is answered by the turn after it only if it is nearer to the query than the candidates are on the whole, by
# so much; what a model makes of a language that it does not know is near to everything.
BEYOND_CLOSENESS, BEYOND_COSINE = 0.1, 0.14
OF_BEYOND_CLOSENESS, OF_BEYOND_COSINE = 2.4, 1.64
LEADERS = 3  # turns that speak for their sitting
ONLY_IF_NAMED = ("exact", "speaker", "date")


@dataclass(frozen=True)
class Candidate:
    """What is known of one message for one query. `frequencies`: of each of the query's words in it, or in the window
    of it and its two neighbours; `length`s are counted in terms. Ranks count from 1; None: that retrieval did not find
    it. `similarity` is a cosine, `closeness` that of late interaction; None where there are no vectors.
    """

    message_id: UUID
    conversation_id: UUID
    created_at: dt.datetime
    importance: float
    recency: float
    similarity: float | None = None
    closeness: float | None = None
    semantic_rank: int | None = None
    lexical_rank: int | None = None
    frequencies: Sequence[int] = ()
    length: int = 0
    window_frequencies: Sequence[int] = ()
    window_length: int = 0
    is_question: bool = False
    answers: float = 0.0  # see `answering`
    exact: float = 0.0
    said_by_named: bool = False
    date: float = 0.0

    @property
    def sitting(self) -> tuple[UUID, dt.date]:
        return self.conversation_id, self.created_at.date()


@dataclass(frozen=True)
class Ranked:
    """`leaders`: what the best turns of its sitting reach, of which `conversation` is the mean."""

    candidate: Candidate
    score: float
    parts: Mapping[str, float]
    leaders: Sequence[float] = ()


@dataclass(frozen=True)
class Ranking:
    """Best first; and how many of the `total` messages searched hold each word of the query, which makes its rarity."""

    ranked: Sequence[Ranked]
    messages_with: Sequence[int]
    total: int


def meaning(similarity: float | None, closeness: float | None) -> float:
    """How near a text is to a query in meaning, 0 to 1."""
    near = OF_COSINE * (similarity or 0.0) if closeness is None else OF_CLOSENESS * closeness
    return min(max(near, 0.0), 1.0)


@dataclass(frozen=True)
class Usual:
    """How near candidates of a query are to it, on the median; None without vectors."""

    similarity: float | None = None
    closeness: float | None = None


def usual(similarities: Sequence[float], closenesses: Sequence[float]) -> Usual:
    return Usual(median(similarities) if similarities else None, median(closenesses) if closenesses else None)


def answering(similarity: float | None, closeness: float | None, *, than: Usual) -> float:
    """How much nearer `than` usual the question is that a turn follows, 0 to 1; of nothing known, 0."""
    if closeness is not None and than.closeness is not None:
        beyond = OF_BEYOND_CLOSENESS * (closeness - than.closeness - BEYOND_CLOSENESS)
    elif similarity is not None and than.similarity is not None:
        beyond = OF_BEYOND_COSINE * (similarity - than.similarity - BEYOND_COSINE)
    else:
        beyond = 0.0
    return min(max(beyond, 0.0), 1.0)


def rank(
    candidates: Iterable[Candidate],
    *,
    weights: Mapping[str, float],
    rarities: Sequence[float] = (),
    named: Collection[str] = ONLY_IF_NAMED,
) -> list[Ranked]:
    """Order by score, best first; equal scores by id, so that the order never depends on luck.

    The score is the weighted mean of the parts. `rarities` weigh the query's words; a part of ONLY_IF_NAMED takes no
    part in the mean unless it is in `named`.
    """
    pool = list(candidates)
    own = [_own_parts(one, rarities) for one in pool]
    sittings = _sittings(pool, own, weights=weights)
    applying = {name: weight for name, weight in weights.items() if name not in ONLY_IF_NAMED or name in named}
    total = sum(applying.values()) or 1.0
    ranked = [
        _scored(one, parts, applying, leaders=sittings[one.sitting], total=total)
        for one, parts in zip(pool, own, strict=True)
    ]
    return sorted(ranked, key=lambda one: (-one.score, one.candidate.message_id))


def _own_parts(one: Candidate, rarities: Sequence[float]) -> dict[str, float]:
    return {
        "semantic": meaning(one.similarity, one.closeness),
        "lexical": covered(one.frequencies, rarities, length=one.length),
        "context": covered(one.window_frequencies, rarities, length=one.window_length, turns=3),
        "exact": one.exact,
        "speaker": float(one.said_by_named),
        "statement": float(not one.is_question),
        "answer": one.answers,
        "date": one.date,
        "importance": one.importance,
        "recency": one.recency,
    }


def _sittings(
    pool: Sequence[Candidate], own: Sequence[Mapping[str, float]], *, weights: Mapping[str, float]
) -> dict[tuple[UUID, dt.date], list[float]]:
    """What each sitting's LEADERS best turns reach by meaning and words, best first."""
    relevance = ("semantic", "lexical")
    heard = [name for name in relevance if weights.get(name)] or relevance
    values = defaultdict(list)
    for one, parts in zip(pool, own, strict=True):
        values[one.sitting].append(sum(parts[name] for name in heard) / len(heard))
    return {sitting: sorted(found, reverse=True)[:LEADERS] for sitting, found in values.items()}


def _scored(
    one: Candidate, own: Mapping[str, float], weights: Mapping[str, float], *, leaders: Sequence[float], total: float
) -> Ranked:
    known = {**own, "conversation": sum(leaders) / LEADERS}  # a leader that is missing counts 0
    parts = {name: known[name] for name in weights}
    return Ranked(one, sum(weight * parts[name] for name, weight in weights.items()) / total, parts, leaders)
