"""What a query asks for: its filters, the participants and times that it names, its words, its vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import structlog
from django.db.models import Exists, OuterRef

from memories import search_cache
from memories.importance import Formula, importance_sql
from memories.models import Message, Posting
from memories.models.message import MessageQuerySet
from memories.providers.base import EmbeddingProvider, ProviderError, Vectors, model_key
from memories.ranking.dates import Span, spans
from memories.ranking.words import alternatives, names, without_names
from tenants.models import Tenant

log = structlog.get_logger(__name__)
Mode = Literal["hybrid", "semantic", "lexical"]
FILTERS = ("conversation_id", "user_id", "role", "since", "until", "metadata")


@dataclass(frozen=True)
class Query:
    """What to search for, and where."""

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


def participants(tenant: Tenant, query: Query, *, now: datetime) -> dict[str, str]:
    """Who of those that speak in the messages searched is named in the query: speaker term → the word for it there."""
    named = names(query.text) if query.mode != "lexical" else {}
    spoken = filtered(tenant, query, now=now).filter(pk=OuterRef("message"))
    found = Posting.objects.filter(Exists(spoken), tenant=tenant, term__in=named).values_list("term", flat=True)
    return {term: named[term] for term in found.distinct()} if named else {}


def understand(
    tenant: Tenant, query: Query, *, named: Mapping[str, str], provider: EmbeddingProvider, now: datetime
) -> Understood:
    """Read and embed the query, outside of any transaction; `named` are its participants.

    A name says who spoke, which is another question than what it was about: it is matched with the speaker and not
    embedded. Without the provider the answer is by words, not an error.
    """
    text = without_names(query.text, named.values())
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


def filtered(tenant: Tenant, query: Query, *, now: datetime) -> MessageQuerySet:
    """The tenant's messages that pass every filter of the query."""
    messages = Message.objects.matching(tenant, **{name: getattr(query, name) for name in FILTERS})
    if not query.include_archived:
        messages = messages.live()
    if query.importance_min is not None:
        score = importance_sql(now=now, formula=Formula.from_settings())
        messages = messages.alias(importance_now=score).filter(importance_now__gte=query.importance_min)
    return messages
