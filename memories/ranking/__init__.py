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

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from memories.ranking.bm25 import covered

# What a point of late interaction and a point of cosine tell, so that one set of weights serves providers with token
# vectors and without: fitted apart, the other weights came out three times as large relative to the former.
OF_CLOSENESS, OF_COSINE = 2.2, 2 / 3
# A question is answered by the turn after it only if it is nearer to the query than the candidates are on the whole, by
# so much; what a model makes of a language that it does not know is near to everything.
BEYOND_CLOSENESS, BEYOND_COSINE = 0.09, 0.14
OF_BEYOND_CLOSENESS, OF_BEYOND_COSINE = 2.6, 1.64
LEADERS = 3  # turns that speak for their sitting
ONLY_IF_NAMED = ("exact", "speaker", "date")

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """What is known of one message for one query. `frequencies`: of each of the query's words in it, or in the window
    of it and its two neighbours; `length`s are counted in terms. Ranks count from 1; None: that retrieval did not find
    it. `similarity` is a cosine, `closeness` what late interaction says; None where there are no vectors.
    """

    message_id: UUID
    sitting: tuple[Any, Any]  # the conversation and the day
    importance: float = 0.0
    recency: float = 0.0
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


@dataclass(frozen=True, eq=False)
class Candidates:
    """Many of them, by column: what `Candidate` calls the same of each, NaN for None; counts of words by row."""

    message_id: Sequence[UUID]
    sitting: Sequence[tuple[Any, Any]]
    importance: Numbers
    recency: Numbers
    similarity: Numbers
    closeness: Numbers
    semantic_rank: Numbers
    lexical_rank: Numbers
    frequencies: Numbers
    length: Numbers
    window_frequencies: Numbers
    window_length: Numbers
    is_question: Numbers
    answers: Numbers
    exact: Numbers
    said_by_named: Numbers
    date: Numbers

    @classmethod
    def of(cls, rows: Sequence[Candidate]) -> "Candidates":
        columns: dict[str, Any] = {field.name: [getattr(row, field.name) for row in rows] for field in fields(cls)}
        numbers = columns.keys() - {"message_id", "sitting"}
        return cls(**columns | {name: np.array(columns[name], dtype=np.float64) for name in numbers})

    def row(self, place: int) -> Candidate:
        known = {field.name: getattr(self, field.name)[place] for field in fields(Candidate)}
        return Candidate(**{name: _plain(name, value) for name, value in known.items()})

    def __len__(self) -> int:
        return len(self.message_id)


WHOLE = ("semantic_rank", "lexical_rank", "length", "window_length")
TRUTHS = ("is_question", "said_by_named")


def _plain(name: str, value: Any) -> Any:
    """A number of a column as Python's own."""
    if isinstance(value, np.ndarray):
        return [int(count) for count in value]
    if not isinstance(value, np.float64):
        return value
    if math.isnan(value):
        return None
    return int(value) if name in WHOLE else bool(value) if name in TRUTHS else float(value)


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


def meaning(similarity: Numbers, closeness: Numbers) -> Numbers:
    """How near texts are to a query in meaning, 0 to 1."""
    near = np.where(np.isnan(closeness), OF_COSINE * similarity, OF_CLOSENESS * closeness)
    return _share(near)


def answering(similarity: Numbers, closeness: Numbers, *, usual: tuple[Numbers, Numbers]) -> Numbers:
    """How much nearer the questions are that turns follow than is `usual`, 0 to 1; of nothing known, 0.

    `usual`: the similarities and the closenesses of all candidates, whose medians count.
    """
    near, close = (_median(values) for values in usual)
    by_closeness = OF_BEYOND_CLOSENESS * (closeness - close - BEYOND_CLOSENESS)
    by_cosine = OF_BEYOND_COSINE * (similarity - near - BEYOND_COSINE)
    return _share(np.where(np.isnan(by_closeness), by_cosine, by_closeness))


def _share(values: Numbers) -> Numbers:
    share: Numbers = np.clip(np.nan_to_num(values), 0.0, 1.0)
    return share


def _median(values: Numbers) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else math.nan


def rank(
    candidates: Candidates,
    *,
    weights: Mapping[str, float],
    rarities: Sequence[float] = (),
    named: Collection[str] = ONLY_IF_NAMED,
    limit: int | None = None,
) -> list[Ranked]:
    """The `limit` best, or all, best first; equal scores by id, so that the order never depends on luck.

    The score is the weighted mean of the parts. `rarities` weigh the query's words; a part of ONLY_IF_NAMED takes no
    part in the mean unless it is in `named`.
    """
    parts = _own_parts(candidates, rarities)
    leaders = _leaders(candidates, parts, weights=weights)
    parts["conversation"] = np.array([sum(best) / LEADERS for best in leaders])  # one that is missing counts 0
    applying = {name: weight for name, weight in weights.items() if name not in ONLY_IF_NAMED or name in named}
    total = sum(applying.values()) or 1.0
    scores = sum((weight * parts[name] for name, weight in applying.items()), np.zeros(len(candidates))) / total
    order = sorted(range(len(candidates)), key=lambda place: (-scores[place], candidates.message_id[place]))
    return [
        Ranked(
            candidates.row(place),
            float(scores[place]),
            {name: float(parts[name][place]) for name in applying},
            leaders[place],
        )
        for place in order[:limit]
    ]


def _own_parts(them: Candidates, rarities: Sequence[float]) -> dict[str, Numbers]:
    return {
        "semantic": meaning(them.similarity, them.closeness),
        "lexical": covered(them.frequencies, rarities, length=them.length),
        "context": covered(them.window_frequencies, rarities, length=them.window_length, turns=3),
        "exact": them.exact,
        "speaker": them.said_by_named,
        "statement": 1.0 - them.is_question,
        "answer": them.answers,
        "date": them.date,
        "importance": them.importance,
        "recency": them.recency,
    }


def _leaders(them: Candidates, own: Mapping[str, Numbers], *, weights: Mapping[str, float]) -> list[list[float]]:
    """Of each candidate what its sitting's LEADERS best turns reach by meaning and words, best first."""
    heard = [name for name in ("semantic", "lexical") if weights.get(name)] or ["semantic", "lexical"]
    values = sum((own[name] for name in heard), np.zeros(len(them))) / len(heard)
    sittings = defaultdict(list)
    for sitting, value in zip(them.sitting, values.tolist(), strict=True):
        sittings[sitting].append(value)
    best = {sitting: sorted(found, reverse=True)[:LEADERS] for sitting, found in sittings.items()}
    return [best[sitting] for sitting in them.sitting]
