"""Search: a query becomes candidates, candidates become ranked hits.

Two retrievals, by meaning (vectors) and by words (full text), each see only the messages that pass the filters, so that
a filter never thins a result. What they find is valued together and ranked by `ranking.rank`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import BooleanField, F, FloatField, Min, OuterRef, Q, Subquery, UUIDField, Value
from pgvector.django import CosineDistance

from memories import search_cache
from memories.importance import Formula, importance_sql, recency_sql
from memories.models import EmbeddingWindow, Message
from memories.models.message import TEXT_SEARCH_CONFIG, MessageQuerySet
from memories.providers.base import EmbeddingProvider, ProviderError, Vectors, model_key
from memories.ranking import Candidate, Ranked, rank
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
class Hit:
    message: Message
    ranked: Ranked
    before: Sequence[Message] = ()
    after: Sequence[Message] = ()


@dataclass(frozen=True)
class Result:
    """`degraded`: the query could not be embedded, so the answer is by words alone."""

    hits: Sequence[Hit]
    degraded: bool
    weights: Mapping[str, float]


@dataclass(frozen=True)
class Understood:
    """A query with its vector under `model`; None where it is not wanted, or could not be had (`degraded`)."""

    query: Query
    model: str
    vector: Vectors | None
    degraded: bool


class AnyWord(SearchQuery):
    """Matches what holds any word of the text: a question rarely shares all its words with the answer."""

    template = "replace(%(function)s(%(expressions)s)::text, ' & ', ' | ')::tsquery"


def understand(query: Query, *, provider: EmbeddingProvider) -> Understood:
    """Embed the query, outside of any transaction. Without the provider the answer is by words, not an error."""
    model = model_key(provider)
    if query.mode == "lexical":
        return Understood(query, model, vector=None, degraded=False)
    try:
        return Understood(query, model, search_cache.query_vector(provider, query.text), degraded=False)
    except ProviderError as error:
        log.warning("search_degraded", reason=str(error))
        return Understood(query, model, vector=None, degraded=True)


def search(tenant: Tenant, meant: Understood, *, now: datetime, weights: Mapping[str, float] | None = None) -> Result:
    """The `top_k` best messages of `tenant`, best first; in the scope of the tenant, or of an end user of it.

    `weights`, any of those of the setting, go over the tenant's own, for trying them out.
    """
    query = meant.query
    weights = _weights(tenant, weights or {}, query.mode, degraded=meant.degraded)
    key = search_cache.results_key(tenant.pk, query, meant.degraded, weights, meant.model)
    ranked = search_cache.results(key)
    if ranked is None:
        ranked = rank(_candidates(_filtered(tenant, query, now=now), meant, now=now), weights=weights)[: query.top_k]
        search_cache.keep_results(key, ranked)
    return Result(_hits(tenant, ranked, neighbours=query.neighbours), meant.degraded, weights)


def _weights(tenant: Tenant, tried: Mapping[str, float], mode: Mode, *, degraded: bool) -> dict[str, float]:
    """Those of the settings; a retrieval that took no part has none, the only one that did has never none."""
    weights: dict[str, float] = {**settings.MEMORY_RANKING_WEIGHTS, **(tenant.ranking_weights or {}), **tried}
    alone = "lexical" if degraded else mode
    if alone != "hybrid":
        weights |= {"semantic": 0.0, "lexical": 0.0, alone: weights[alone] or 1.0}
    return weights


def _filtered(tenant: Tenant, query: Query, *, now: datetime) -> MessageQuerySet:
    """The tenant's messages that pass every filter of the query."""
    messages = Message.objects.matching(tenant, **{name: getattr(query, name) for name in FILTERS})
    if not query.include_archived:
        messages = messages.live()
    if query.importance_min is not None:
        score = importance_sql(now=now, formula=Formula.from_settings())
        messages = messages.alias(importance_now=score).filter(importance_now__gte=query.importance_min)
    return messages


def _candidates(messages: MessageQuerySet, meant: Understood, *, now: datetime) -> list[Candidate]:
    """What the retrievals find, each its `candidate_limit` best, with everything that ranking wants to know of it."""
    query, vector, model = meant.query, meant.vector, meant.model
    limit = max(query.candidate_limit, query.top_k)
    words = AnyWord(query.text, config=TEXT_SEARCH_CONFIG)
    semantic = [] if vector is None else _nearest(messages, vector, model=model, limit=limit)
    lexical = [] if vector is not None and query.mode == "semantic" else _matching(messages, words, limit=limit)
    found = messages.filter(pk__in={*semantic, *lexical}).values_list(
        "pk",
        importance_sql(now=now, formula=Formula.from_settings()),
        recency_sql(now=now, formula=Formula.from_settings()),
        _similarity(vector, model=model),
        _word_score(words),
    )
    semantic_ranks, lexical_ranks = _ranks(semantic), _ranks(lexical)
    return [
        Candidate(pk, importance, recency, similarity, semantic_ranks.get(pk), word_score, lexical_ranks.get(pk))
        for pk, importance, recency, similarity, word_score in found
    ]


def _nearest(messages: MessageQuerySet, vector: Vectors, *, model: str, limit: int) -> list[UUID]:
    """Exact nearest neighbours by a message's best window."""
    windows = EmbeddingWindow.objects.filter(message__in=messages, model=model).values("message")
    distances = windows.annotate(distance=Min(CosineDistance("vector", vector)))
    return list(distances.order_by("distance", "message").values_list("message", flat=True)[:limit])


def _matching(messages: MessageQuerySet, words: AnyWord, *, limit: int) -> list[UUID]:
    """Messages that hold any word of the query, those with more and rarer repetitions first."""
    matches = messages.filter(search_vector=words).alias(word_score=_word_score(words))
    return list(matches.order_by("-word_score", "pk").values_list("pk", flat=True)[:limit])


def _word_score(words: AnyWord) -> SearchRank:
    return SearchRank(F("search_vector"), words)


def _similarity(vector: Vectors | None, *, model: str) -> Subquery | Value:
    """Cosine similarity of a message's best window, 0 to 1."""
    if vector is None:
        return Value(None, output_field=FloatField())
    windows = EmbeddingWindow.objects.filter(message=OuterRef("pk"), model=model).values("message")
    nearest = windows.annotate(similarity=1.0 - Min(CosineDistance("vector", vector))).values("similarity")
    return Subquery(nearest, output_field=FloatField())


def _ranks(found: Sequence[UUID]) -> dict[UUID, int]:
    return {pk: position for position, pk in enumerate(found, start=1)}


def _hits(tenant: Tenant, ranked: Sequence[Ranked], *, neighbours: int) -> list[Hit]:
    """The ranked messages themselves; those deleted since they were ranked are left out."""
    mine = Message.objects.for_tenant(tenant).select_related("conversation")
    messages = mine.in_bulk([one.candidate.message_id for one in ranked])
    hits = [Hit(messages[one.candidate.message_id], one) for one in ranked if one.candidate.message_id in messages]
    return _with_neighbours(hits, neighbours) if neighbours else hits


def _with_neighbours(hits: Sequence[Hit], count: int) -> list[Hit]:
    """Each hit with up to `count` live turns before and after it in its conversation, oldest first."""
    sides = [(hit.message, backwards) for hit in hits for backwards in (True, False)]
    parts = [_beside(message, count, backwards=backwards) for message, backwards in sides]
    around: dict[tuple[UUID, bool], list[Message]] = {(message.pk, backwards): [] for message, backwards in sides}
    for turn in parts[0].union(*parts[1:], all=True) if parts else ():
        around[turn.beside, turn.backwards].append(turn)  # type: ignore[attr-defined] # annotated by _beside
    for turns in around.values():
        turns.sort(key=lambda turn: (turn.created_at, turn.pk))
    return [replace(hit, before=around[hit.message.pk, True], after=around[hit.message.pk, False]) for hit in hits]


def _beside(message: Message, count: int, *, backwards: bool) -> MessageQuerySet:
    operator, order = ("lt", "-") if backwards else ("gt", "")
    same_time = Q(created_at=message.created_at, **{f"pk__{operator}": message.pk})
    beyond = Q(**{f"created_at__{operator}": message.created_at}) | same_time
    turns = Message.objects.live().filter(beyond, tenant=message.tenant_id, conversation=message.conversation_id)
    return turns.order_by(f"{order}created_at", f"{order}pk").annotate(
        beside=Value(message.pk, output_field=UUIDField()), backwards=Value(backwards, output_field=BooleanField())
    )[:count]
