"""From the turns that were found to candidates for ranking: columns in, columns out."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from memories.importance import Formula, importances, recencies
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
        chosen, days = self.chosen, self.turns.said_at // DAY
        of_words, of_window = self.frequencies[chosen], self.beside(self.frequencies)[chosen]
        return Candidates(
            message_id=[self.turns.ids[place] for place in chosen],
            sitting=[(self.turns.conversations[place], days[place]) for place in chosen],
            **self._by_time(now),
            similarity=self.similarity[chosen],
            closeness=self.closeness[chosen],
            semantic_rank=self.turns.semantic_rank[chosen],
            lexical_rank=self.turns.lexical_rank[chosen],
            frequencies=of_words,
            length=self.lengths[chosen],
            window_frequencies=of_window,
            window_length=self.beside(self.lengths)[chosen],
            is_question=self.turns.is_question[chosen],
            answers=self.answers[chosen],
            exact=self._exact(of_words),
            said_by_named=self.said_by_named[chosen],
        )

    def _by_time(self, now: datetime) -> dict[str, Numbers]:
        """What depends on when a turn was said."""
        formula, turns, times = Formula.from_settings(), self.turns, self.meant.times
        said_at = turns.said_at[self.chosen]
        ages = now.timestamp() - said_at
        roles = [turns.roles[place] for place in self.chosen]
        near = [nearness(datetime.fromtimestamp(at, UTC), times) for at in said_at] if times else np.zeros(len(ages))
        return {
            "importance": importances(roles, turns.overrides[self.chosen], ages, formula=formula),
            "recency": recencies(ages, formula=formula),
            "date": np.array(near),
        }

    # --- Which turns, and which stand beside them ---

    def before(self, column: Any) -> Any:
        """What each turn's predecessor has in `column`; nothing where none is near."""
        shifted = np.roll(column, 1, axis=0)
        shifted[~self.turns.follows] = 0
        return shifted

    def beside(self, column: Any) -> Any:
        """The sum of what a turn and those before and after it have."""
        after = np.roll(column, -1, axis=0)
        after[~np.roll(self.turns.follows, -1)] = 0
        return column + self.before(column) + after

    @cached_property
    def chosen(self) -> Places:
        """One retrieval alone promises only what it finds itself."""
        was_found = ~(np.isnan(self.turns.semantic_rank) & np.isnan(self.turns.lexical_rank))
        if self.meant.query.mode == "hybrid" and self.meant.vector is not None:
            is_next = self.before(was_found) & self.turns.is_searched
            return np.flatnonzero(was_found | is_next)
        return np.flatnonzero(was_found)

    # --- Meaning ---

    @cached_property
    def similarity(self) -> Numbers:
        return 1.0 - self.turns.distances

    @cached_property
    def closeness(self) -> Numbers:
        column = np.full(len(self.turns.ids), np.nan)
        shown = [place for place, bits in enumerate(self.turns.tokens) if bits]
        if self.meant.tokens is not None and self.meant.vector is not None and shown:
            texts = [bits for bits in self.turns.tokens if bits]
            column[shown] = closeness(self.meant.tokens, texts, dimensions=len(self.meant.vector))
        return column

    @cached_property
    def answers(self) -> Numbers:
        """How near the question is that a turn follows."""
        usual = (self.similarity[self.chosen], self.closeness[self.chosen])
        near = answering(self.similarity, self.closeness, usual=usual) * self.turns.is_question
        found: Numbers = self.before(near)
        return found

    # --- Words ---

    @cached_property
    def lengths(self) -> Numbers:
        return np.nan_to_num(self.turns.lengths)

    @cached_property
    def held(self) -> Numbers:
        """How often each of the terms that were looked for stands in each turn."""
        counts = np.zeros((len(self.turns.ids), len(self.found.wanted)))
        rows = np.repeat(np.arange(len(counts)), [len(terms) for terms in self.turns.terms])
        counts[rows, list(chain(*self.turns.terms))] = list(chain(*self.turns.often))
        return counts

    @cached_property
    def frequencies(self) -> Numbers:
        """How often each of the query's words stands in each turn; two words may stand as the same term."""
        stands_for = [[term in alternatives for alternatives in self.meant.words] for term in self.found.wanted]
        found: Numbers = self.held @ np.array(stands_for, dtype=np.float64)
        return found

    def _exact(self, frequencies: Numbers) -> Numbers:
        """The share of the query's identifiers that each holds."""
        identifiers = self.meant.identifiers
        held: Numbers = (frequencies[:, identifiers] > 0).sum(axis=1) / (len(identifiers) or 1)
        return held

    @cached_property
    def said_by_named(self) -> Numbers:
        named = [term in self.meant.participants for term in self.found.wanted]
        held: Numbers = np.any(self.held[:, named], axis=1).astype(np.float64)
        return held
