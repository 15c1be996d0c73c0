"""The labelled questions: invented people with what is known of them, what they ask, and how well it is answered.

`questions.jsonl`: a person a line. A question's `answers` are the keys of the facts that answer it; none where nothing
does. Half of the people are `held_out`: constants are not set by what goes wrong there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from memories.facts.hints import Asked, read
from memories.facts.relevance import ENOUGH, Judge, Statement
from memories.providers.base import EmbeddingProvider, Vectors
from memories.tests.facts.labelled import read as lines_of
from memories.vocabulary import TemporalState

PEOPLE = lines_of("questions.jsonl")
LIMIT = 5
DENSE_ENOUGH = 0.3  # the cosine that told best on the half that is not held out
Scored = Callable[[Asked, Statement], float]


def dense(asked: Asked, fact: Statement) -> float:
    cosine = fact.similarity or 0.0
    return cosine if cosine >= DENSE_ENOUGH else 0.0


def fuzzy(asked: Asked, fact: Statement) -> float:
    return hinted(asked, replace(fact, similarity=None, slot=None))


def fused(asked: Asked, fact: Statement) -> float:
    return hinted(asked, replace(fact, slot=None))


def hinted(asked: Asked, fact: Statement) -> float:
    relevance = Judge(asked).relevance(fact)
    return relevance if relevance >= ENOUGH else 0.0


WAYS: dict[str, Scored] = {"dense alone": dense, "fuzzy alone": fuzzy, "fused": fused, "fused, with hints": hinted}


@dataclass(frozen=True)
class Measured:
    """Shares, 0 to 1: of answers among 5, of first ones that are right, and of silence where nothing answers."""

    recall: float
    hit: float
    silent: float

    def __str__(self) -> str:
        return f"recall@5 {self.recall:.3f}, hit@1 {self.hit:.3f}, silent where nothing answers {self.silent:.3f}"


def measured(scored: Scored, vectors: dict[str, Vectors], *, held_out: bool) -> Measured:
    recalls, hits, silences = [], [], []
    for person, question in asked_of(held_out=held_out):
        found, right = _found(scored, person, question, vectors), set(question["answers"])
        if right:
            recalls.append(len(right.intersection(found)) / len(right))
            hits.append(bool(found) and found[0] in right)
        else:
            silences.append(not found)
    return Measured(float(np.mean(recalls)), float(np.mean(hits)), float(np.mean(silences)))


def asked_of(*, held_out: bool) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each person with each question of theirs, but for general ones, which no fact in particular answers."""
    for person in PEOPLE:
        questions = [question for question in person["questions"] if not read(question["text"]).is_general]
        yield from ((person, question) for question in questions if person["held_out"] == held_out)


def _found(scored: Scored, person: dict[str, Any], question: dict[str, Any], vectors: dict[str, Vectors]) -> list[str]:
    """The keys of the facts found, best first."""
    asked, vector = read(question["text"]), vectors[question["text"]]
    scores = {key: scored(asked, _statement(fact, vector, vectors)) for key, fact in person["facts"].items()}
    return sorted((key for key, score in scores.items() if score), key=lambda key: (-scores[key], key))[:LIMIT]


def _statement(fact: dict[str, Any], question: Vectors, vectors: dict[str, Vectors]) -> Statement:
    similarity = float(question @ vectors[fact["content"]])
    return Statement(fact["content"], fact["slot"], similarity, is_past=fact["state"] == TemporalState.PAST)


@cache
def embedded(provider: EmbeddingProvider) -> dict[str, Vectors]:
    """The vectors of all contents and questions, by text."""
    contents = [fact["content"] for person in PEOPLE for fact in person["facts"].values()]
    questions = [question["text"] for person in PEOPLE for question in person["questions"]]
    texts = list(dict.fromkeys(contents + questions))
    return dict(zip(texts, provider.embed_documents(texts), strict=True))
