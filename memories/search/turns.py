"""What ranking wants to know of the messages that were found, and of the turns around them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db import connection
from pgvector import Vector

from memories.importance import Formula, importance, recency
from memories.models.message import MessageQuerySet
from memories.models.posting import EVERY_MESSAGE
from memories.ranking import Candidate, Usual, answering, usual
from memories.ranking.dates import nearness
from memories.ranking.late_interaction import closeness
from memories.search.query import Understood
from memories.search.retrieval import Retrieved
from tenants.models import Tenant

BREAK = timedelta(hours=1)  # turns further apart are not about the same
# A question mark, whatever quotes, brackets or notes follow it.
QUESTION = r"[?？؟]\W*(\[[^]]*\]\s*)?$"
AROUND = """
SELECT anchor.id, turn.id, turn.conversation_id, turn.created_at, turn.role, turn.importance_override,
    right(turn.content, 400) ~ %s
FROM memories_message AS anchor CROSS JOIN LATERAL (
    (SELECT * FROM memories_message AS earlier
     WHERE tenant_id = anchor.tenant_id AND conversation_id = anchor.conversation_id
         AND (created_at, id) < (anchor.created_at, anchor.id) AND (%s OR archived_at IS NULL)
     ORDER BY created_at DESC, id DESC LIMIT %s)
    UNION ALL
    (SELECT * FROM memories_message AS later
     WHERE tenant_id = anchor.tenant_id AND conversation_id = anchor.conversation_id
         AND (created_at, id) >= (anchor.created_at, anchor.id)
         AND (%s OR archived_at IS NULL OR id = anchor.id)
     ORDER BY created_at, id LIMIT %s)
) AS turn
WHERE anchor.tenant_id = %s AND anchor.id = ANY(%s)
ORDER BY anchor.id, turn.created_at, turn.id
"""
# Distances first, and the best window of each message by them: else the vectors themselves would be sorted.
NEAREST_WINDOWS = """
SELECT DISTINCT ON (message_id) message_id, distance, tokens FROM (
    SELECT message_id, vector <=> %s::vector AS distance, CASE WHEN %s THEN tokens END AS tokens
    FROM memories_embeddingwindow WHERE tenant_id = %s AND model = %s AND message_id = ANY(%s)
) AS measured ORDER BY message_id, distance
"""
POSTINGS = """
SELECT message_id, term, frequency, length FROM memories_posting
WHERE tenant_id = %s AND message_id = ANY(%s) AND term = ANY(%s)
"""


@dataclass(frozen=True)
class Turn:
    id: UUID
    conversation_id: UUID
    created_at: datetime
    role: str
    importance_override: float | None
    is_question: bool


def around(
    tenant: Tenant, messages: Collection[UUID], *, before: int, after: int, archived: bool
) -> dict[UUID, list[Turn]]:
    """Each message, by its id, with up to so many turns before and after it in its conversation, oldest first."""
    found = defaultdict(list)
    asked = [QUESTION, archived, before, archived, after + 1, tenant.pk, list(messages)]
    for anchor, *turn in _rows(AROUND, asked):
        found[anchor].append(Turn(*turn))
    return found


def _rows(sql: str, values: Sequence[Any]) -> list[Any]:
    """Of plain SQL: hundreds of ids as one array cost the ORM and the planner far more one by one."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def candidates(
    tenant: Tenant, messages: MessageQuerySet, meant: Understood, found: Retrieved, *, now: datetime
) -> list[Candidate]:
    """What was found and, in a hybrid search, the turn after each if it is one of `messages`."""
    anchors = {*found.semantic, *found.lexical}
    talk = Talk.of(around(tenant, anchors, before=1, after=2, archived=meant.query.include_archived))
    chosen = [talk.turns[one] for one in (anchors & talk.turns.keys()) | _following(anchors, talk, messages, meant)]
    describe = Description.of(tenant, meant, found, talk, chosen, now=now)
    return [describe.candidate(turn) for turn in chosen]


@dataclass(frozen=True)
class Talk:
    """Turns by id, and which follows which within one sitting."""

    turns: Mapping[UUID, Turn]
    previous: Mapping[UUID, Turn]
    next: Mapping[UUID, Turn]

    @classmethod
    def of(cls, runs: Mapping[UUID, Sequence[Turn]]) -> "Talk":
        pairs = [pair for run in runs.values() for pair in pairwise(run) if _is_near(*pair)]
        return cls(
            turns={turn.id: turn for run in runs.values() for turn in run},
            previous={later.id: earlier for earlier, later in pairs},
            next={earlier.id: later for earlier, later in pairs},
        )

    def question_before(self, turn: Turn) -> Turn | None:
        before = self.previous.get(turn.id)
        return before if before and before.is_question else None

    def window(self, turn: Turn) -> list[Turn]:
        beside = (self.previous.get(turn.id), turn, self.next.get(turn.id))
        return [one for one in beside if one]


def _is_near(earlier: Turn, later: Turn) -> bool:
    return later.created_at - earlier.created_at <= BREAK


def _following(anchors: Collection[UUID], talk: Talk, messages: MessageQuerySet, meant: Understood) -> set[UUID]:
    """The turns after `anchors` that are among `messages`. One retrieval alone promises only what it finds itself."""
    if meant.query.mode != "hybrid" or meant.vector is None:
        return set()
    after = {talk.next[one].id for one in anchors if one in talk.next}.difference(anchors)
    return set(messages.filter(pk__in=after).values_list("pk", flat=True)) if after else set()


@dataclass(frozen=True)
class Likeness:
    """The cosine of a message's nearest window and, where its tokens are known, how close these come."""

    similarity: float | None = None
    closeness: float | None = None


def _likeness(tenant: Tenant, ids: Collection[UUID], meant: Understood) -> dict[UUID, Likeness]:
    if meant.vector is None:
        return {}
    asked = [Vector(meant.vector).to_text(), meant.tokens is not None, tenant.pk, meant.model, list(ids)]
    rows = _rows(NEAREST_WINDOWS, asked)
    shown = [(message, bits) for message, _, bits in rows if bits]
    close: Iterable[float] = ()
    if meant.tokens is not None and shown:
        close = closeness(meant.tokens, [bits for _, bits in shown])
    closeness_of = {message: float(value) for (message, _), value in zip(shown, close, strict=True)}
    return {message: Likeness(1.0 - distance, closeness_of.get(message)) for message, distance, _ in rows}


def _usual(found: Sequence[Likeness]) -> Usual:
    return usual(
        [one.similarity for one in found if one.similarity is not None],
        [one.closeness for one in found if one.closeness is not None],
    )


@dataclass(frozen=True)
class Words:
    """How often each of the query's words stands in a message of `length` terms, and whether a named one said it."""

    frequencies: Sequence[int]
    length: int = 0
    said_by_named: bool = False


def _words(tenant: Tenant, ids: Collection[UUID], meant: Understood) -> dict[UUID, Words]:
    numbers = defaultdict[str, list[int]](list)  # two words of a query may stand as the same term
    for number, terms in enumerate(meant.words):
        for term in terms:
            numbers[term].append(number)
    wanted = [EVERY_MESSAGE, *meant.participants, *numbers]
    counts: dict[UUID, list[int]] = defaultdict(lambda: [0] * len(meant.words))
    lengths, speaking = {}, set()
    for message, term, frequency, length in _rows(POSTINGS, [tenant.pk, list(ids), wanted]):
        lengths[message] = length
        for number in numbers.get(term, ()):
            counts[message][number] += frequency
        if term in meant.participants:
            speaking.add(message)
    return {one: Words(counts[one], length, one in speaking) for one, length in lengths.items()}


@dataclass(frozen=True)
class Description:
    """What is known of the turns that were chosen and of those beside them, turned into candidates."""

    meant: Understood
    talk: Talk
    places: Mapping[str, Mapping[UUID, int]]
    likeness: Mapping[UUID, Likeness]
    usual: Usual
    words: Mapping[UUID, Words]
    identifiers: Sequence[int]
    formula: Formula
    now: datetime

    @classmethod
    def of(
        cls, tenant: Tenant, meant: Understood, found: Retrieved, talk: Talk, chosen: Sequence[Turn], *, now: datetime
    ) -> "Description":
        questions = filter(None, map(talk.question_before, chosen))
        likeness = _likeness(tenant, {turn.id for turn in (*chosen, *questions)}, meant)
        return cls(
            meant=meant,
            talk=talk,
            places={"semantic": _places(found.semantic), "lexical": _places(found.lexical)},
            likeness=likeness,
            usual=_usual([likeness[turn.id] for turn in chosen if turn.id in likeness]),
            words=_words(tenant, {one.id for turn in chosen for one in talk.window(turn)}, meant),
            identifiers=meant.identifiers,
            formula=Formula.from_settings(),
            now=now,
        )

    def candidate(self, turn: Turn) -> Candidate:
        own, window = self._words(turn), [self._words(one) for one in self.talk.window(turn)]
        likeness, created_at = self.likeness.get(turn.id, Likeness()), turn.created_at
        return Candidate(
            message_id=turn.id,
            conversation_id=turn.conversation_id,
            created_at=created_at,
            importance=importance(turn.role, turn.importance_override, created_at, now=self.now, formula=self.formula),
            recency=recency(created_at, now=self.now, formula=self.formula),
            similarity=likeness.similarity,
            closeness=likeness.closeness,
            semantic_rank=self.places["semantic"].get(turn.id),
            lexical_rank=self.places["lexical"].get(turn.id),
            frequencies=own.frequencies,
            length=own.length,
            window_frequencies=[sum(counts) for counts in zip(*(one.frequencies for one in window), strict=True)],
            window_length=sum(one.length for one in window),
            is_question=turn.is_question,
            answers=self._answers(turn),
            exact=self._exact(own),
            said_by_named=own.said_by_named,
            date=nearness(created_at, self.meant.times),
        )

    def _words(self, turn: Turn) -> Words:
        return self.words.get(turn.id) or Words([0] * len(self.meant.words))

    def _exact(self, own: Words) -> float:
        """The share of the query's identifiers that it holds."""
        return sum(bool(own.frequencies[one]) for one in self.identifiers) / (len(self.identifiers) or 1)

    def _answers(self, turn: Turn) -> float:
        question = self.talk.question_before(turn)
        likeness = self.likeness.get(question.id, Likeness()) if question else Likeness()
        return answering(likeness.similarity, likeness.closeness, than=self.usual)


def _places(found: Sequence[UUID]) -> dict[UUID, int]:
    return {message: place for place, message in enumerate(found, start=1)}
