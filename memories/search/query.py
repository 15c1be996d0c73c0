"""What a query asks for: its filters, the participants and times that it names, its words, its vectors."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import structlog
from django.core.exceptions import EmptyResultSet
from django.db.models.expressions import RawSQL

from memories import search_cache
from memories.importance import Formula, importance_sql
from memories.models import Message
from memories.models.message import MessageQuerySet
from memories.providers.base import EmbeddingProvider, ProviderError, Vectors, model_key
from memories.ranking.dates import Span, spans
from memories.ranking.words import EXACT, alternatives, names, without_speakers
from tenants.databases import reading
from tenants.models import Tenant

log = structlog.get_logger(__name__)
Mode = Literal["hybrid", "semantic", "lexical"]
Scope = Callable[[], AbstractContextManager[None]]
# One posting is enough: without the limit all that each of them ever said would be gone through.
SPEAKING = """
SELECT asked.term FROM unnest(%s::text[]) AS asked (term) CROSS JOIN LATERAL (
    SELECT 1 FROM memories_posting AS posting
    WHERE tenant_id = %s AND term = asked.term AND EXISTS ({spoken}) LIMIT 1
) AS speaking
"""
FILTERS = ("conversation_id", "user_id", "role", "since", "until", "metadata")


@dataclass(frozen=True)
class Query:
    """What to search for, and where. `asked_by`: the end user whose key asks, who is told of nobody else's."""

    text: str
    top_k: int = 5
    mode: Mode = "hybrid"
    candidate_limit: int = 200
    conversation_id: str | None = None
    user_id: str | None = None
    role: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    importance_min: float | None = None
    include_archived: bool = False
    neighbours: int = 0
    asked_by: UUID | None = None


@dataclass(frozen=True)
class Understood:
    """A query as it was read.

    `participants`: who is named, as terms; `words`: the alternatives of each of the others, if words are searched for;
    `vector` and `tokens`: its embedding under `model`, None where none is wanted, the model shows no tokens, or none
    could be had (`degraded`).
    """

    query: Query
    participants: Sequence[str]
    words: Sequence[frozenset[str]]
    times: Sequence[Span]
    model: str
    vector: Vectors | None = None
    tokens: Vectors | None = None
    degraded: bool = False

    @property
    def identifiers(self) -> list[int]:
        """Which of the words are identifiers, as written."""
        return [number for number, terms in enumerate(self.words) if any(term.startswith(EXACT) for term in terms)]

    @property
    def named(self) -> list[str]:
        """The parts of ranking that it gives a reason for."""
        given = {"exact": self.identifiers, "speaker": self.participants, "date": self.times}
        return [part for part, found in given.items() if found]


def participants(tenant: Tenant, query: Query, *, scope: Scope, now: datetime) -> dict[str, str]:
    """Who of those that speak in the messages searched is named in the query: speaker term → the word for it there."""
    named = names(query.text) if query.mode != "lexical" else {}
    if not named:
        return {}
    with scope():
        return {term: named[term] for term in _speaking(tenant, query, list(named), now=now)}


def _speaking(tenant: Tenant, query: Query, named: list[str], *, now: datetime) -> list[str]:
    spoken = filtered(tenant, query, now=now).filter(pk=RawSQL("posting.message_id", ()))
    try:
        sql, params = spoken.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        return []
    with reading().cursor() as cursor:
        cursor.execute(SPEAKING.format(spoken=sql), [named, tenant.pk, *params])
        return [term for (term,) in cursor.fetchall()]


def understand(
    tenant: Tenant, query: Query, *, named: Mapping[str, str], provider: EmbeddingProvider, now: datetime
) -> Understood:
    """Read and embed the query, outside of any transaction; `named` are its participants.

    A name says who spoke, which is another question than what it was about: it is matched with the speaker and not
    embedded. Without the provider the answer is by words, not an error.
    """
    text = without_speakers(query.text, named)
    words = alternatives(text, language=tenant.language)
    read = Understood(query, tuple(named), words, spans(query.text, now=now), model_key(provider))
    if query.mode == "lexical":
        return read
    try:
        embedded = search_cache.query_embedding(provider, text)
    except ProviderError as error:
        log.warning("search_degraded", reason=str(error))
        return replace(read, degraded=True)
    heard = words if query.mode == "hybrid" else ()
    return replace(read, words=heard, vector=embedded.vector, tokens=embedded.tokens)


def is_filtered(query: Query) -> bool:
    """Whether it is about some of the tenant's messages only, whatever of them is archived."""
    return query.importance_min is not None or any(getattr(query, name) not in (None, {}) for name in FILTERS)


def filtered(tenant: Tenant, query: Query, *, now: datetime) -> MessageQuerySet:
    """The tenant's messages that pass every filter of the query."""
    messages = Message.objects.matching(tenant, **{name: getattr(query, name) for name in FILTERS})
    if not query.include_archived:
        messages = messages.live()
    if query.importance_min is not None:
        score = importance_sql(now=now, formula=Formula.from_settings())
        messages = messages.alias(importance_now=score).filter(importance_now__gte=query.importance_min)
    return messages
