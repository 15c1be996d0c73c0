"""What ranking wants to know of the messages that were found, and of the turns around them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from django.db import connection
from django.db.models import BinaryField, F, Value
from pgvector.django import CosineDistance

from memories.importance import Formula, importance, recency
from memories.models import EmbeddingWindow, Posting
from memories.models.message import MessageQuerySet
from memories.models.posting import EVERY_MESSAGE
from memories.ranking import Candidate, meaning
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


@dataclass(frozen=True)
class Turn:
    id: UUID
    conversation_id: UUID
    created_at: datetime
    role: str
    importance_override: float | None
    is_question: bool


@dataclass(frozen=True)
class Words:
    """How often each of the query's words stands in a message of `length` terms, and whether a named one said it."""

    frequencies: Sequence[int]
    length: int
    said_by_named: bool = False


def around(
    tenant: Tenant, messages: Collection[UUID], *, before: int, after: int, archived: bool
) -> dict[UUID, list[Turn]]:
    """Each message, by its id, with up to so many turns before and after it in its conversation, oldest first."""
    found = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(AROUND, [QUESTION, archived, before, archived, after + 1, tenant.pk, list(messages)])
        for anchor, *turn in cursor.fetchall():
            found[anchor].append(Turn(*turn))
    return found


def candidates(
    tenant: Tenant, messages: MessageQuerySet, meant: Understood, found: Retrieved, *, now: datetime
) -> list[Candidate]:
    """What was found and, in a hybrid search, the turn after each if it is one of `messages`."""
    anchors = {*found.semantic, *found.lexical}
    runs = around(tenant, anchors, before=1, after=2, archived=meant.query.include_archived)
    gathered = Gathered.of(tenant, runs, meant)
    follow = meant.query.mode == "hybrid" and meant.vector is not None  # one retrieval alone promises its own finds
    beyond = {gathered.next[one].id for one in anchors if follow and one in gathered.next} - anchors
    passing = set(messages.filter(pk__in=beyond).values_list("pk", flat=True)) if beyond else set()
    describe = Description(meant, found, gathered, now)
    return [describe.candidate(gathered.turns[one]) for one in (anchors & gathered.turns.keys()) | passing]


@dataclass(frozen=True)
class Gathered:
    """Turns by id, which follows which within one sitting, and what the vectors and postings say of them."""

    turns: Mapping[UUID, Turn]
    previous: Mapping[UUID, Turn]
    next: Mapping[UUID, Turn]
    similarity: Mapping[UUID, float]
    closeness: Mapping[UUID, float]
    words: Mapping[UUID, Words]

    @classmethod
    def of(cls, tenant: Tenant, runs: Mapping[UUID, Sequence[Turn]], meant: Understood) -> "Gathered":
        turns = {turn.id: turn for run in runs.values() for turn in run}
        pairs = [pair for run in runs.values() for pair in pairwise(run) if _is_near(*pair)]
        previous = {later.id: earlier for earlier, later in pairs}
        following = {earlier.id: later for earlier, later in pairs}
        return cls(turns, previous, following, *_vectors(tenant, turns, meant), _words(tenant, turns, meant))


def _is_near(earlier: Turn, later: Turn) -> bool:
    return later.created_at - earlier.created_at <= BREAK


def _vectors(tenant: Tenant, ids: Collection[UUID], meant: Understood) -> tuple[dict[UUID, float], dict[UUID, float]]:
    """By message the cosine of its nearest window and, where its tokens are known, how close these come."""
    if meant.vector is None:
        return {}, {}
    distance = CosineDistance("vector", meant.vector)
    tokens = F("tokens") if meant.tokens is not None else Value(None, output_field=BinaryField())
    windows = EmbeddingWindow.objects.filter(tenant=tenant, model=meant.model, message__in=list(ids))
    nearest = windows.annotate(distance=distance, bits=tokens).order_by("message", "distance").distinct("message")
    rows = list(nearest.values_list("message", "distance", "bits"))
    shown = [(message, bytes(bits)) for message, _, bits in rows if bits]
    close: Iterable[float] = ()
    if meant.tokens is not None and shown:
        close = closeness(meant.tokens, [bits for _, bits in shown])
    return (
        {message: 1.0 - distance for message, distance, _ in rows},
        {message: float(value) for (message, _), value in zip(shown, close, strict=True)},
    )


def _words(tenant: Tenant, ids: Collection[UUID], meant: Understood) -> dict[UUID, Words]:
    number_of = {term: number for number, terms in enumerate(meant.words) for term in terms}
    wanted = [EVERY_MESSAGE, *meant.participants, *number_of]
    counts: dict[UUID, list[int]] = defaultdict(lambda: [0] * len(meant.words))
    lengths, speaking = {}, set()
    postings = Posting.objects.filter(tenant=tenant, message__in=list(ids), term__in=wanted)
    for message, term, frequency, length in postings.values_list("message", "term", "frequency", "length"):
        lengths[message] = length
        if term in number_of:
            counts[message][number_of[term]] += frequency
        elif term != EVERY_MESSAGE:
            speaking.add(message)
    return {one: Words(counts[one], length, one in speaking) for one, length in lengths.items()}


@dataclass(frozen=True)
class Description:
    """Turns what was gathered into candidates."""

    meant: Understood
    found: Retrieved
    gathered: Gathered
    now: datetime

    def candidate(self, turn: Turn) -> Candidate:
        formula, own = Formula.from_settings(), self._words(turn)
        window = [self._words(one) for one in self._window(turn)]
        return Candidate(
            message_id=turn.id,
            conversation_id=turn.conversation_id,
            created_at=turn.created_at,
            importance=importance(turn.role, turn.importance_override, turn.created_at, now=self.now, formula=formula),
            recency=recency(turn.created_at, now=self.now, formula=formula),
            similarity=self.gathered.similarity.get(turn.id),
            closeness=self.gathered.closeness.get(turn.id),
            semantic_rank=_rank(turn, self.found.semantic),
            lexical_rank=_rank(turn, self.found.lexical),
            frequencies=own.frequencies,
            length=own.length,
            window_frequencies=[sum(counts) for counts in zip(*(one.frequencies for one in window), strict=True)],
            window_length=sum(one.length for one in window),
            is_question=turn.is_question,
            answers=self._answers(turn),
            said_by_named=own.said_by_named,
            date=nearness(turn.created_at, self.meant.times),
        )

    def _words(self, turn: Turn) -> Words:
        return self.gathered.words.get(turn.id) or Words([0] * len(self.meant.words), length=0)

    def _window(self, turn: Turn) -> Iterator[Turn]:
        beside = (self.gathered.previous.get(turn.id), turn, self.gathered.next.get(turn.id))
        return (one for one in beside if one)

    def _answers(self, turn: Turn) -> float:
        """The meaning of the question that this turn follows; 0 if it follows none."""
        before = self.gathered.previous.get(turn.id)
        if before is None or not before.is_question:
            return 0.0
        return meaning(self.gathered.similarity.get(before.id), self.gathered.closeness.get(before.id))


def _rank(turn: Turn, found: Sequence[UUID]) -> int | None:
    return found.index(turn.id) + 1 if turn.id in found else None
