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
from memories.search.query import Query, Scope, Understood, read, understand
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
    result = Search(tenant, replace(query, top_k=wide), scope, provider, now, weights or {}).result()
    result = _reranked(result, model, top_k=query.top_k) if model else result
    seconds = time.perf_counter() - started
    metrics.count_search(query.mode, cached=result.cached, degraded=result.degraded, seconds=seconds)
    return result


@dataclass(frozen=True)
class Search:
    """What `search` was asked."""

    tenant: Tenant
    query: Query
    scope: Scope
    provider: EmbeddingProvider
    now: datetime
    tried: Mapping[str, float]

    def result(self) -> Result:
        # Before the scope chooses a database: a replica may lack what a later key stands for.
        about = (self._weights(), model_key(self.provider), self.tenant.language)
        key = search_cache.results_key(self.tenant.pk, self.query, *about)
        if known := search_cache.answer(key):
            return self._again(known)
        with self.scope() if isinstance(self.provider, SentenceTransformerProvider) else nullcontext():
            result = self._found()
        if not result.degraded:
            search_cache.keep(key, Answer(places(self.query, result.meant.participants), result.ranking))
        return result

    def _again(self, known: Answer) -> Result:
        """What was ranked before, as it reads now."""
        named, model = at(self.query, known.named), model_key(self.provider)
        meant = read(self.tenant, self.query, named=named, model=model, now=self.now)
        with self.scope():
            shown = hits(self.tenant, self.query, known.ranking.ranked)
            return Result(shown, self._weights(), meant, known.ranking, cached=True)

    def _found(self) -> Result:
        named = participants(self.tenant, self.query, scope=self.scope, now=self.now)
        meant = understand(self.tenant, self.query, named=named, provider=self.provider, now=self.now)
        weights = self._weights(degraded=meant.degraded)
        with self.scope():
            ranking = self._ranking(meant, weights)
            return Result(hits(self.tenant, self.query, ranking.ranked), weights, meant, ranking, cached=False)

    def _ranking(self, meant: Understood, weights: Mapping[str, float]) -> Ranking:
        known = found(self.tenant, meant, now=self.now)
        ranked = rank(
            candidates(meant, known, now=self.now),
            weights=weights,
            rarities=known.rarities(),
            named=meant.named,
            limit=None if self.query.neighbours else self.query.top_k,  # a hit may be shown beside a better one
        )
        return Ranking(ranked, known.messages_with, known.total)

    def _weights(self, *, degraded: bool = False) -> dict[str, float]:
        """Those that apply; a retrieval that takes no part has none, the only one that does has never none."""
        mode, own = self.query.mode, self.tenant.ranking_weights or {}
        weights: dict[str, float] = {**settings.MEMORY_RANKING_WEIGHTS, **own, **self.tried}
        if mode == "hybrid" and not degraded:
            return weights
        if mode == "hybrid":
            return weights | dict.fromkeys(BY_MEANING, 0.0) | {"lexical": weights["lexical"] or 1.0}
        alone = "lexical" if degraded else mode
        silent = weights.keys() - {*ALONE[alone], *ALWAYS}
        return weights | dict.fromkeys(silent, 0.0) | {alone: weights[alone] or 1.0}


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
