"""What searches need not compute twice: vectors of queries, and ranked ids.

No text is kept: keys are digests, values are vectors, ids and numbers.
"""

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from memories import metrics
from memories.providers.base import EmbeddingProvider, TokenProvider, Vectors, model_key
from memories.ranking.late_interaction import packed
from tenants import positions


@dataclass(frozen=True)
class QueryEmbedding:
    """The vector of a query, shape (dimensions,), and the signs of those of its tokens where the model shows them."""

    vector: Vectors
    tokens: bytes | None


def query_embedding(provider: EmbeddingProvider, text: str) -> QueryEmbedding:
    """The embedding of a query; from the cache for MEMORY_CACHE_EMBEDDING_TTL_SECONDS.

    Raises ProviderError if the provider cannot be had.
    """
    key = f"query-embedding:{_digest(model_key(provider), text)}"
    known: QueryEmbedding | None = cache.get(key)
    if known is None:
        with metrics.timed(metrics.embedding_seconds, kind="query"):
            known = _embedded(provider, text)
        cache.set(key, known, timeout=settings.MEMORY_CACHE_EMBEDDING_TTL_SECONDS)
    return known


def _embedded(provider: EmbeddingProvider, text: str) -> QueryEmbedding:
    if isinstance(provider, TokenProvider):
        vector, tokens = provider.embed_query_tokens(text)
        return QueryEmbedding(vector, packed(tokens))
    return QueryEmbedding(provider.embed_query(text), None)


def results_key(tenant_id: uuid.UUID, *parts: object) -> str:
    """The key of a search's results: another one after every write to the tenant."""
    return f"{results_prefix(tenant_id)}{_digest(_generation(tenant_id), *parts)}"


def results_prefix(tenant_id: uuid.UUID) -> str:
    """What the keys of all results of a tenant begin with, so that they can be found: they name messages."""
    return f"results:{tenant_id}:"


def answer(key: str) -> Any:
    """What was kept under `key`; None where nothing is."""
    return cache.get(key)


def keep(key: str, answer: object) -> None:
    """For MEMORY_CACHE_SEARCH_TTL_SECONDS."""
    cache.set(key, answer, timeout=settings.MEMORY_CACHE_SEARCH_TTL_SECONDS)


def forget_results(tenant_id: uuid.UUID) -> None:
    """After the commit of a write: the tenant's next search computes anew, from no replica that lacks the write."""
    positions.note_after_commit(tenant_id)  # before the new name: results of the past must never bear it
    transaction.on_commit(lambda: cache.set(generation_key(tenant_id), uuid.uuid4().hex, timeout=None))


def _generation(tenant_id: uuid.UUID) -> str:
    """Names the tenant's data since its last write. A key that Redis lost gets a fresh name, never an old one."""
    key, fresh = generation_key(tenant_id), uuid.uuid4().hex
    if known := cache.get(key):
        return str(known)
    return fresh if cache.add(key, fresh, timeout=None) else str(cache.get(key, fresh))


def generation_key(tenant_id: uuid.UUID) -> str:
    """Where the name of a tenant's data stands; it never expires."""
    return f"generation:{tenant_id}"


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode(errors="surrogatepass")).hexdigest()
