"""What a search should find, worked out message by message from the rows themselves: no index, no SQL, no shortcuts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any
from uuid import UUID

import numpy as np

from memories.importance import Formula, importance, recency
from memories.models import Message
from memories.providers.base import Vectors
from memories.providers.mock import MockProvider
from memories.ranking import Candidate, Candidates, Ranked, answering, rank
from memories.ranking.bm25 import rarity
from memories.ranking.words import alternatives, names, speaker_of, terms, without_speakers
from memories.search import Query

PROVIDER, FORMULA = MockProvider(), Formula()


def cosines(vectors: Vectors, query: Vectors) -> Vectors:
    """Of vectors, shape (n, dimensions), with a query, all as they are kept: in half precision."""
    rows, asked = (kept.astype(np.float16).astype(np.float32) for kept in (vectors, query))
    found: Vectors = rows @ asked / np.linalg.norm(rows, axis=1) / np.linalg.norm(asked)
    return found


@dataclass(frozen=True)
class Everything:
    """The messages of a tenant, oldest first, and a query to them that names no times."""

    messages: Sequence[Message]
    query: Query
    now: datetime
    users: Mapping[UUID, str] = field(default_factory=dict)  # end users by our id

    def ranked(self, weights: Mapping[str, float]) -> list[Ranked]:
        found = [one for one in self.passing if self.query.mode != "lexical" or any(self._frequencies(one))]
        rarities = [rarity(with_it, of=len(self.passing)) for with_it in self._messages_with]
        given = {"speaker": self._speakers, "exact": self._identifiers}
        named = [part for part, found in given.items() if found]
        candidates = Candidates.of([self._candidate(one) for one in found])
        return rank(candidates, weights=weights, rarities=rarities, named=named)

    @cached_property
    def passing(self) -> list[Message]:
        return [one for one in self.messages if self._passes(one)]

    def _passes(self, one: Message) -> bool:
        query = self.query
        checks: list[tuple[Any, bool]] = [
            (query.conversation_id, one.conversation.external_id == query.conversation_id),
            (query.user_id, self.users.get(one.end_user_id or UUID(int=0)) == query.user_id),
            (query.role, one.role == query.role),
            (query.since, query.since is None or one.created_at >= query.since),
            (query.until, query.until is None or one.created_at <= query.until),
            (query.metadata or None, one.metadata.items() >= query.metadata.items()),
            (query.importance_min, query.importance_min is None or self._importance(one) >= query.importance_min),
        ]
        return self._is_visible(one) and all(holds for wanted, holds in checks if wanted is not None)

    def _is_visible(self, one: Message) -> bool:
        return self.query.include_archived or one.archived_at is None

    def _importance(self, one: Message) -> float:
        return importance(one.role, one.importance_override, one.created_at, now=self.now, formula=FORMULA)

    @cached_property
    def _speakers(self) -> dict[str, str]:
        """Who is named in the query and speaks in what passes: term → the word for it."""
        if self.query.mode == "lexical":
            return {}
        speaking = {speaker_of(one.content, one.metadata) for one in self.passing}
        return {term: word for term, word in names(self.query.text).items() if term in speaking}

    @cached_property
    def _text(self) -> str:
        return without_speakers(self.query.text, self._speakers)

    @cached_property
    def _words(self) -> list[frozenset[str]]:
        return alternatives(self._text) if self.query.mode != "semantic" else []

    @cached_property
    def _identifiers(self) -> list[int]:
        return [n for n, word in enumerate(self._words) if any(term.startswith("=") for term in word)]

    @cached_property
    def _messages_with(self) -> list[int]:
        each = [self._frequencies(one) for one in self.passing]
        return [sum(1 for frequencies in each if frequencies[n]) for n in range(len(self._words))]

    def _frequencies(self, one: Message) -> list[int]:
        counted = Counter(terms(one.content))
        return [sum(counted[term] for term in word) for word in self._words]

    def _candidate(self, one: Message) -> Candidate:
        window = [turn for turn in (self._previous.get(one.pk), one, self._next.get(one.pk)) if turn]
        before = self._previous.get(one.pk)
        return Candidate(
            message_id=one.pk,
            sitting=(one.conversation_id, one.created_at.date()),
            importance=self._importance(one),
            recency=recency(one.created_at, now=self.now, formula=FORMULA),
            similarity=self._similarity(one),
            frequencies=self._frequencies(one),
            length=len(terms(one.content)),
            window_frequencies=[sum(each) for each in zip(*map(self._frequencies, window), strict=True)],
            window_length=sum(len(terms(turn.content)) for turn in window),
            is_question=one.content.endswith("?"),
            answers=self._answers(before) if before and before.content.endswith("?") else 0.0,
            exact=self._exact(one),
            said_by_named=speaker_of(one.content, one.metadata) in self._speakers,
        )

    def _answers(self, question: Message) -> float:
        known = [near for one in self.passing if (near := self._similarity(one)) is not None]
        near, nothing = self._similarity(question), np.array([np.nan])
        return float(answering(np.array([near], dtype=float), nothing, usual=(np.array(known), nothing))[0])

    def _exact(self, one: Message) -> float:
        frequencies = self._frequencies(one)
        return sum(bool(frequencies[n]) for n in self._identifiers) / (len(self._identifiers) or 1)

    def _similarity(self, one: Message) -> float | None:
        if self.query.mode == "lexical":
            return None
        return float(cosines(PROVIDER.embed_documents([one.content]), PROVIDER.embed_query(self._text)).max())

    @cached_property
    def _next(self) -> dict[UUID, Message]:
        return {earlier.pk: later for earlier, later in self._pairs}

    @cached_property
    def _previous(self) -> dict[UUID, Message]:
        return {later.pk: earlier for earlier, later in self._pairs}

    @cached_property
    def _pairs(self) -> list[tuple[Message, Message]]:
        """Turns that follow one another in a conversation, whether they pass the filters or not, within an hour."""
        shown = [one for one in self.messages if self._is_visible(one)]
        runs = [[one for one in shown if one.conversation_id == talk] for talk in {m.conversation_id for m in shown}]
        pairs = [pair for run in runs for pair in pairwise(run)]
        return [(a, b) for a, b in pairs if b.created_at - a.created_at <= timedelta(hours=1)]
