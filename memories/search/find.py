"""The flow of a search, from the words of a query to hits."""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings

from memories import metrics, search_cache
from memories.providers import reranker
from memories.providers.base import EmbeddingProvider, model_key
from memories.providers.reranker import Reranker
from memories.providers.sentence_transformer import SentenceTransformerProvider
from memories.ranking import Ranking, rank
from memories.search.candidates import candidates
from memories.search.hits import Hit, hits
from memories.search.participants import at, participants, places
from memories.search.query import Mode, Query, Scope, Understood, read, understand
from memories.search.turns import found
from tenants.models import Tenant

BY_MEANING = ("semantic", "answer")
# One retrieval alone ranks by what that one says; what a turn stands among is a matter of both.
ALONE = {"semantic": ("semantic", "speaker", "date"), "lexical": ("lexical", "exact")}
ALWAYS = ("importance", "recency")
RERANK = "rerank"


@dataclass(frozen=True)
class Result:
    """`weights`: those that applied; `cached`: it was ranked before."""

    hits: Sequence[Hit]
    weights: Mapping[str, float]
    meant: Understood
    ranking: Ranking
    cached: bool

    @property
    def degraded(self) -> bool:
        """The query could not be embedded, so the answer is by words alone."""
        return self.meant.degraded


@dataclass(frozen=True)
class Answer:
    """What is kept of a search; no text, and so of the participants only their places in the query."""

    named: Sequence[int]
    ranking: Ranking


def search(
    tenant: Tenant,
    query: Query,
    *,
    scope: Scope,
    provider: EmbeddingProvider,
    now: datetime,
    weights: Mapping[str, float] | None = None,
) -> Result:
    """The `top_k` best messages of `tenant`, best first.

    `scope` makes the transaction that sees the tenant's rows, or those of one end user of it. While a vendor embeds the
    query none is open: there is one before, if the query may name somebody, and one after. A model that runs here
    answers sooner than a transaction ends and another begins. `weights`, any of those of the setting, go over the
    tenant's own, for trying them out. Where a reranker is set it has the last word, outside of any transaction.
    """
    started, model = time.perf_counter(), reranker()
    wide = max(query.top_k, settings.MEMORY_RERANKER_CANDIDATES) if model else query.top_k
    result = _search(tenant, replace(query, top_k=wide), scope=scope, provider=provider, now=now, weights=weights or {})
    result = _reranked(result, model, top_k=query.top_k) if model else result
    seconds = time.perf_counter() - started
    metrics.count_search(query.mode, cached=result.cached, degraded=result.degraded, seconds=seconds)
    return result


def _search(
    tenant: Tenant,
    query: Query,
    *,
    scope: Scope,
    provider: EmbeddingProvider,
    now: datetime,
    weights: Mapping[str, float],
) -> Result:
    applying, model = _weights(tenant, weights, query.mode), model_key(provider)
    # Before the scope chooses a database: a replica may lack what a later key stands for.
    key = search_cache.results_key(tenant.pk, query, applying, model, tenant.language)
    if known := search_cache.answer(key):
        meant = read(tenant, query, named=at(query, known.named), model=model, now=now)
        with scope():
            return Result(hits(tenant, query, known.ranking.ranked), applying, meant, known.ranking, cached=True)
    with scope() if isinstance(provider, SentenceTransformerProvider) else nullcontext():
        result = _found(tenant, query, scope=scope, provider=provider, now=now, weights=weights)
    if not result.degraded:
        search_cache.keep(key, Answer(places(query, result.meant.participants), result.ranking))
    return result


def _found(
    tenant: Tenant,
    query: Query,
    *,
    scope: Scope,
    provider: EmbeddingProvider,
    now: datetime,
    weights: Mapping[str, float],
) -> Result:
    named = participants(tenant, query, scope=scope, now=now)
    meant = understand(tenant, query, named=named, provider=provider, now=now)
    applying = _weights(tenant, weights, query.mode, degraded=meant.degraded)
    with scope():
        ranking = _ranking(tenant, meant, applying, now=now)
        return Result(hits(tenant, query, ranking.ranked), applying, meant, ranking, cached=False)


def _reranked(result: Result, model: Reranker, *, top_k: int) -> Result:
    """The best of what was found, ordered by the model alone; as they were ranked if it fails."""
    scores = (
        model.scores(result.meant.query.text, [hit.message.content for hit in result.hits]) if result.hits else None
    )
    if scores is None:
        return replace(result, hits=result.hits[:top_k])
    scored = [_rescored(hit, score) for hit, score in zip(result.hits, scores, strict=True)]
    best = sorted(scored, key=lambda hit: -hit.ranked.score)[:top_k]
    return replace(result, hits=best, weights=dict.fromkeys(result.weights, 0.0) | {RERANK: 1.0})


def _rescored(hit: Hit, score: float) -> Hit:
    return replace(hit, ranked=replace(hit.ranked, score=score, parts={**hit.ranked.parts, RERANK: score}))


def _ranking(tenant: Tenant, meant: Understood, weights: Mapping[str, float], *, now: datetime) -> Ranking:
    query = meant.query
    known = found(tenant, meant, now=now)
    ranked = rank(
        candidates(meant, known, now=now),
        weights=weights,
        rarities=known.rarities(),
        named=meant.named,
        limit=None if query.neighbours else query.top_k,  # a hit may be shown beside a better one
    )
    return Ranking(ranked, known.messages_with, known.total)


def _weights(tenant: Tenant, tried: Mapping[str, float], mode: Mode, *, degraded: bool = False) -> dict[str, float]:
    """Those that apply; a retrieval that takes no part has none, the only one that does has never none."""
    weights: dict[str, float] = {**settings.MEMORY_RANKING_WEIGHTS, **(tenant.ranking_weights or {}), **tried}
    if mode == "hybrid" and not degraded:
        return weights
    if mode == "hybrid":
        return weights | dict.fromkeys(BY_MEANING, 0.0) | {"lexical": weights["lexical"] or 1.0}
    alone = "lexical" if degraded else mode
    silent = weights.keys() - {*ALONE[alone], *ALWAYS}
    return weights | dict.fromkeys(silent, 0.0) | {alone: weights[alone] or 1.0}
