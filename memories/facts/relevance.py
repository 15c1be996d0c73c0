"""How well a fact answers a question: one number from 0 to 1. Pure: data in, data out.

Two witnesses testify, and either may convince: the cosine of the two vectors, and the share of the question's words
that the fact covers, squared, since half the words are far less than half the question ("what is my sister's phone
number?" and "Has a sister who lives in Boston."). They are joined as independent chances are: 1 - (1 - a)(1 - b). What
speaks against an answer is a factor: see the constants.
"""

import heapq
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from memories.facts.hints import ANSWERED_BY, DEMANDS, OF_OTHERS, Asked
from memories.facts.lexicon import IMPLIED, ONE_FORM, fold
from memories.facts.wording import alike, is_unknown, split

ENOUGH = 0.36  # less answers nothing
OF_WORDS = 0.6  # what all the words of the question are worth without any likeness in meaning
OF_SOMEBODY_ELSE = 0.5  # the fact is about another person than the question
UNMET_DEMAND = 0.5  # the question wants a number, a name, a date, … that the fact does not hold
IMPERSONAL = 0.8  # nothing in the question refers to who asks: it may be about the world
OTHER_TIME = 0.9  # the question is about the past and the fact about the present, or the other way round
OF_CONFIDENCE, OF_ESSENTIAL = 0.07, 0.03  # of a score; the rest is relevance


@dataclass(frozen=True)
class Statement:
    """A fact, as far as relevance needs it. `similarity`: cosine with the question, None without a vector."""

    content: str
    slot: str | None = None
    similarity: float | None = None
    is_past: bool = False


@dataclass(frozen=True)
class Columns:
    """Many facts as three lists of strings: tens of thousands of small objects would bring on the garbage collector."""

    ids: Sequence[str]
    slots: Sequence[str | None]
    contents: Sequence[str]


def score(relevance: float, *, confidence: float, is_essential: bool) -> float:
    """What answers are ordered by: confidence and being essential decide between near-equals only."""
    of_relevance = 1 - OF_CONFIDENCE - OF_ESSENTIAL
    return of_relevance * relevance + OF_CONFIDENCE * confidence + OF_ESSENTIAL * is_essential


class Judge:
    """Judges facts by one question. Each word of theirs is compared with those of the question once."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self._stands_for: dict[str, dict[str, float]] = {}

    def relevance(self, fact: Statement) -> float:
        """0 to 1; an answer from ENOUGH upwards."""
        words = split(fold(fact.content))
        self._compare(words)
        found = self._worded(fact.slot, words) | self._met(fact.content)
        joined = 1 - (1 - min(max(fact.similarity or 0.0, 0.0), 1.0)) * (1 - OF_WORDS * self._share(found) ** 2)
        joined *= OF_SOMEBODY_ELSE if self._is_of_somebody_else(fact, found) else 1.0
        joined *= UNMET_DEMAND if any(word in DEMANDS and word not in found for word in self.asked.words) else 1.0
        joined *= 1.0 if self.asked.is_personal else IMPERSONAL
        return joined * (1.0 if self.asked.is_past == fact.is_past else OTHER_TIME)

    def most_covering(self, facts: Columns, *, limit: int) -> list[str]:
        """The ids of the facts that cover the most of the question's words, some at least; equal ones by id."""
        if not facts.ids:
            return []
        text = fold("\0".join(facts.contents))
        self._compare(set(split(text)))
        telling = (frozenset(self._stands_for.keys() & split(content)) for content in text.split("\0"))
        share = cache(lambda slot, words: self._share(self._worded(slot, words)))
        shares = [share(slot, words) for slot, words in zip(facts.slots, telling, strict=True)]
        best = heapq.nsmallest(limit, range(len(shares)), key=lambda n: (-shares[n], facts.ids[n]))
        return [facts.ids[n] for n in best if shares[n]]

    def _share(self, found: dict[str, float]) -> float:
        return sum(found.values()) / len(self.asked.words) if found else 0.0

    def _met(self, content: str) -> dict[str, float]:
        """What the question demands and the fact holds without the word."""
        return {word: 1.0 for word in self.asked.words if word in DEMANDS and DEMANDS[word].search(content)}

    def _worded(self, slot: str | None, words: Iterable[str]) -> dict[str, float]:
        """The words of the question that a fact of these covers, those that its slot answers included."""
        found: dict[str, float] = {}
        for word in words:
            for asked, degree in self._stands_for.get(word, {}).items():
                found[asked] = max(degree, found.get(asked, 0.0))
        hinted = ANSWERED_BY[slot] if slot else frozenset()
        return found | {asked: 1.0 for asked in self.asked.words if asked in hinted}

    def _compare(self, words: Collection[str]) -> None:
        """Learn which words of the question these stand for, and how surely."""
        for word in words:
            form = ONE_FORM.get(word, word)
            for asked in {form, IMPLIED.get(form, form)}.intersection(self.asked.words):
                self._stands_for.setdefault(word, {})[asked] = 1.0
        for asked in filter(is_unknown, self.asked.words):
            for word, degree in alike(asked, words):
                self._stands_for.setdefault(word, {})[asked] = degree

    def _is_of_somebody_else(self, fact: Statement, found: dict[str, float]) -> bool:
        if self.asked.people:
            return not self.asked.people <= found.keys()
        return fact.slot in OF_OTHERS and self.asked.is_personal and not self.asked.asks_who
