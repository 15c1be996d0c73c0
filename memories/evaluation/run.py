"""A labelled set, stored and embedded as any tenant's data, asked through the product's search, and removed."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from django.core.cache import cache
from django.db.models import Count, Q

from memories import editing, embedding, ingest, search_cache
from memories.evaluation.labelled import LabelledSet, Question
from memories.models import EmbeddingStatus, Message, MessageEmbedding
from memories.models.embedding import UNFINISHED
from memories.providers.base import EmbeddingProvider, model_key
from memories.search import Hit, Mode, Query, search
from tenants import audit, founding
from tenants.isolation import across_tenants, tenant_scope
from tenants.models import Tenant

BATCH = 500
PAUSE_SECONDS = 0.2
SHOWN_HITS = 3
SLUG_PREFIX = "evaluation-"

OnProgress = Callable[[int], object]


class NotEmbedded(Exception):
    """The embedding model could not be had, or refused a text: what is left would not measure the product."""


@dataclass(frozen=True)
class Setting:
    """How the product is asked. `neighbours` are the turns shown on each side of the first SHOWN_HITS hits."""

    mode: Mode = "hybrid"
    weights: Mapping[str, float] | None = None
    top_k: int = 10
    neighbours: int = 2


@dataclass(frozen=True)
class Answer:
    """What a system gives to a question: ids of messages, best first, and all that its first hits show.

    `sessions` are the conversations of the ranked messages, each once. `seconds` is None where nobody asks.
    """

    ranked: Sequence[str]
    sessions: Sequence[str]
    shown: frozenset[str]
    seconds: float | None = None


@contextmanager
def tenant_of_its_own() -> Iterator[Tenant]:
    """A new tenant, removed with all its data whatever happens, short of a kill."""
    tenant = Tenant(slug=f"{SLUG_PREFIX}{secrets.token_hex(6)}")
    founding.found(tenant)
    try:
        yield tenant
    finally:
        remove(tenant)


def remove(tenant: Tenant) -> None:
    """Messages first, in short transactions, then what hangs on the tenant's own row."""
    with tenant_scope(tenant):
        ids = list(Message.objects.for_tenant(tenant).values_list("pk", flat=True))
    for start in range(0, len(ids), BATCH):
        with tenant_scope(tenant):
            editing.delete(Message.objects.for_tenant(tenant).filter(pk__in=ids[start : start + BATCH]))
    with across_tenants():
        audit.record("tenant.removed", tenant, tenant=tenant)
        Tenant.objects.filter(pk=tenant.pk).delete()
    cache.delete(search_cache.generation_key(tenant.pk))


def store(tenant: Tenant, labelled: LabelledSet, *, on_progress: OnProgress) -> None:
    for start in range(0, len(labelled.messages), BATCH):
        ingest.store(tenant, labelled.messages[start : start + BATCH])
        on_progress(min(start + BATCH, len(labelled.messages)))


def embed(tenant: Tenant, *, provider: EmbeddingProvider, on_progress: OnProgress) -> None:
    """Embed what is stored, beside a worker if one runs: what that has claimed is waited for. Raises NotEmbedded."""
    while due := _unfinished(tenant, provider, on_progress):
        if not embedding.embed_batch(provider, only=due):
            time.sleep(PAUSE_SECONDS)


def _unfinished(tenant: Tenant, provider: EmbeddingProvider, on_progress: OnProgress) -> list[UUID]:
    mine = MessageEmbedding.objects.filter(tenant=tenant, model=model_key(provider))
    with tenant_scope(tenant):
        failed = mine.filter(status=EmbeddingStatus.FAILED).first()
        done = mine.aggregate(done=Count("pk", filter=Q(status=EmbeddingStatus.COMPLETED)))["done"]
        left = mine.filter(status__in=UNFINISHED).order_by("due_at", "pk").values_list("message", flat=True)[:BATCH]
        due = list(left)
    if failed:
        raise NotEmbedded(f"A message could not be embedded: {failed.error}")
    on_progress(done)
    return due


def ask(tenant: Tenant, question: Question, *, provider: EmbeddingProvider, setting: Setting, now: datetime) -> Answer:
    """What search gives to the question; timed is the search; the embedding of the question is kept from run to run.

    Raises NotEmbedded.
    """
    query = Query(question.text, top_k=setting.top_k, mode=setting.mode, **dict(question.filters))
    now = question.asked_at or now
    hits, seconds = _hits(tenant, query, provider=provider, weights=setting.weights, now=now)
    first = hits[:SHOWN_HITS]
    if setting.neighbours:
        around = replace(query, top_k=min(SHOWN_HITS, query.top_k), neighbours=setting.neighbours)
        first, _ = _hits(tenant, around, provider=provider, weights=setting.weights, now=now)
    shown = [one for hit in first for one in (*hit.before, hit.message, *hit.after)]
    return Answer(
        ranked=[str(hit.message.external_id) for hit in hits],
        sessions=list(dict.fromkeys(hit.message.conversation.external_id for hit in hits)),
        shown=frozenset(str(message.external_id) for message in shown),
        seconds=seconds,
    )


def _hits(
    tenant: Tenant, query: Query, *, provider: EmbeddingProvider, weights: Mapping[str, float] | None, now: datetime
) -> tuple[Sequence[Hit], float]:
    """The hits, and how many seconds the search took."""
    started = time.perf_counter()
    result = search(tenant, query, scope=partial(tenant_scope, tenant), provider=provider, now=now, weights=weights)
    seconds = time.perf_counter() - started
    if result.degraded:
        raise NotEmbedded("A question could not be embedded; the log says why. By words alone is --mode lexical.")
    return result.hits, seconds
