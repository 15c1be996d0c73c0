"""From the turns that were found to candidates for ranking: columns in, columns out."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from memories.importance import Formula, importance, recency
from memories.ranking import Candidates, Numbers, answering
from memories.ranking.dates import nearness
from memories.ranking.late_interaction import closeness
from memories.search.query import Understood
from memories.search.turns import Found, Turns

Places = npt.NDArray[np.intp]
DAY = 86_400


def candidates(meant: Understood, found: Found, *, now: datetime) -> Candidates:
    """What was found and, in a hybrid search, the turn after each that is one of the messages searched."""
    return Talk(meant, found).candidates(now)


@dataclass(frozen=True)
class Talk:
    """The turns that were found and those around them. What is known of them stands in arrays, one row a turn."""

    meant: Understood
    found: Found

    @property
    def turns(self) -> Turns:
        return self.found.turns

    def candidates(self, now: datetime) -> Candidates:
        chosen, window = self.chosen, self.beside(self.frequencies)
        of_words, of_window = self.frequencies[chosen], window[chosen]
        return Candidates(
            message_id=[self.turns.ids[place] for place in chosen],
            sitting=[(self.turns.conversations[place], self.turns.said_at[place] // DAY) for place in chosen],
            **self._by_time(now),
            similarity=self.similarity[chosen],
            closeness=self.closeness[chosen],
            semantic_rank=_column(self.turns.semantic_rank)[chosen],
            lexical_rank=_column(self.turns.lexical_rank)[chosen],
            frequencies=of_words,
            length=self.lengths[chosen],
            window_frequencies=of_window,
            window_length=self.beside(self.lengths)[chosen],
            is_question=_column(self.turns.is_question)[chosen],
            answers=self.answers[chosen],
            exact=self._exact(of_words),
            said_by_named=self.said_by_named[chosen],
        )

    def _by_time(self, now: datetime) -> dict[str, Numbers]:
        """What depends on when a turn was said."""
        formula, turns = Formula.from_settings(), self.turns
        said = [(place, datetime.fromtimestamp(turns.said_at[place], UTC)) for place in self.chosen]
        scores = [
            importance(turns.roles[place], turns.overrides[place], at, now=now, formula=formula) for place, at in said
        ]
        return {
            "importance": np.array(scores),
            "recency": np.array([recency(at, now=now, formula=formula) for _, at in said]),
            "date": np.array([nearness(at, self.meant.times) for _, at in said]),
        }

    # --- Which turns, and which stand beside them ---

    @cached_property
    def follows(self) -> npt.NDArray[np.bool_]:
        return np.array(self.turns.follows, dtype=bool)

    def before(self, column: Any) -> Any:
        """What each turn's predecessor has in `column`; nothing where none is near."""
        shifted = np.roll(column, 1, axis=0)
        shifted[~self.follows] = 0
        return shifted

    def beside(self, column: Any) -> Any:
        """The sum of what a turn and those before and after it have."""
        after = np.roll(column, -1, axis=0)
        after[~np.roll(self.follows, -1)] = 0
        return column + self.before(column) + after

    @cached_property
    def chosen(self) -> Places:
        """One retrieval alone promises only what it finds itself."""
        ranks = np.array([_column(self.turns.semantic_rank), _column(self.turns.lexical_rank)])
        was_found = ~np.isnan(ranks).all(axis=0)
        if self.meant.query.mode == "hybrid" and self.meant.vector is not None:
            is_next = self.before(was_found) & np.array(self.turns.is_searched, dtype=bool)
            return np.flatnonzero(was_found | is_next)
        return np.flatnonzero(was_found)

    # --- Meaning ---

    @cached_property
    def similarity(self) -> Numbers:
        return 1.0 - _column(self.turns.distances)

    @cached_property
    def closeness(self) -> Numbers:
        column = np.full(len(self.turns.ids), np.nan)
        shown = [place for place, bits in enumerate(self.turns.tokens) if bits]
        if self.meant.tokens is not None and shown:
            column[shown] = closeness(self.meant.tokens, [bits for bits in self.turns.tokens if bits])
        return column

    @cached_property
    def answers(self) -> Numbers:
        """How near the question is that a turn follows."""
        usual = (self.similarity[self.chosen], self.closeness[self.chosen])
        near = answering(self.similarity, self.closeness, usual=usual) * _column(self.turns.is_question)
        found: Numbers = self.before(near)
        return found

    # --- Words ---

    @cached_property
    def lengths(self) -> Numbers:
        return np.nan_to_num(_column(self.turns.lengths))

    @cached_property
    def frequencies(self) -> Numbers:
        """How often each of the query's words stands in each turn; two words may stand as the same term."""
        words = defaultdict[int, list[int]](list)
        for number, terms in enumerate(self.meant.words):
            for term in terms:
                words[self.found.wanted.index(term)].append(number)
        counts = np.zeros((len(self.turns.ids), len(self.meant.words)))
        for row, terms_of_it, often in zip(counts, self.turns.terms, self.turns.often, strict=True):
            for place, count in zip(terms_of_it or (), often or (), strict=True):
                for number in words.get(place, ()):
                    row[number] += count
        return counts

    def _exact(self, frequencies: Numbers) -> Numbers:
        """The share of the query's identifiers that each holds."""
        identifiers = self.meant.identifiers
        held: Numbers = (frequencies[:, identifiers] > 0).sum(axis=1) / (len(identifiers) or 1)
        return held

    @cached_property
    def said_by_named(self) -> Numbers:
        named = {self.found.wanted.index(term) for term in self.meant.participants}
        return np.array([not named.isdisjoint(terms or ()) for terms in self.turns.terms], dtype=np.float64)


def _column(values: Any) -> Numbers:
    """With NaN for None."""
    return np.array(values, dtype=np.float64)
