"""Whether the nearest that search finds are the nearest there are: recall@10 by size of the tenant and by filter."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any, cast
from uuid import UUID

from django.db import connection
from django.utils import timezone
from pgvector import HalfVector

from memories.models import Conversation
from memories.models.message import MessageQuerySet
from memories.providers import Vectors, embedding_provider
from memories.search import Query
from memories.search.filters import filtered
from memories.search.query import Understood, understand
from memories.search.turns import found
from tenants.isolation import tenant_scope
from tenants.models import Tenant

TOP = 10
TENANTS = 5  # of a class are asked in turn
CLASSES = (
    ("under 1,000", 30, 1_000),
    ("1,000 to 10,000", 1_000, 10_000),
    ("10,000 to 50,000", 10_000, 50_000),
    ("50,000 to 100,000", 50_000, 100_000),
    ("100,000 and more", 100_000, 10**9),
)
# Every distance is measured before any is compared, which no index can do.
EXACT = """
WITH eligible (id) AS MATERIALIZED ({eligible}),
measured AS MATERIALIZED (
    SELECT message_id, vector <=> %s::halfvec AS distance FROM memories_embeddingwindow
    WHERE tenant_id = %s AND model = %s AND message_id IN (SELECT id FROM eligible))
SELECT message_id, min(distance) AS distance FROM measured GROUP BY message_id ORDER BY distance, message_id LIMIT {top}
"""


@dataclass(frozen=True)
class Compared:
    """The mean and the lowest recall@10 of so many questions to tenants of one class under one filter."""

    size: str
    filters: str
    questions: int
    mean: float
    lowest: float

    def __str__(self) -> str:
        found = f"recall@{TOP} {self.mean:.4f}, lowest {self.lowest:.2f}"
        return f"{self.size:18} {self.filters:22} {found} ({self.questions})"


def compared(size: str, tenants: Sequence[Tenant], questions: Iterator[str], *, count: int) -> Iterator[Compared]:
    """For each filter; nothing where there is no tenant of that size."""
    for name in filters(tenants[0], now=timezone.now()) if tenants else ():
        recalls = [recall(tenant, name, next(questions)) for tenant in islice(cycle(tenants), count)]
        known = [one for one in recalls if one is not None]
        if known:
            yield Compared(size, name, len(known), statistics.mean(known), min(known))


def filters(tenant: Tenant, *, now: datetime) -> dict[str, dict[str, Any]]:
    """Of many messages and of few: they are spread over a year, and numbered from 0 to 99."""
    with tenant_scope(tenant):
        talk = Conversation.objects.filter(tenant=tenant).order_by("pk").values_list("external_id", flat=True).first()
    ago = [now - timedelta(days=364 * share) for share in (0.5, 0.1, 0.01)]
    return {
        "none": {},
        "role": {"role": "assistant"},
        "since, half of all": {"since": ago[0]},
        "since, a tenth": {"since": ago[1]},
        "since, a hundredth": {"since": ago[2]},
        "until, a tenth": {"until": now - timedelta(days=364 * 0.9)},
        "a month in the middle": {"since": now - timedelta(days=200), "until": now - timedelta(days=170)},
        "metadata, an eighth": {"metadata": {"topic": "garden"}},
        "metadata, a hundredth": {"metadata": {"number": 42}},
        "conversation": {"conversation_id": talk},
    }


def recall(tenant: Tenant, name: str, question: str) -> float | None:
    """The share of the exact nearest among those that search found as the nearest; None where nothing passes."""
    now = timezone.now()
    query = Query(question, top_k=TOP, **filters(tenant, now=now)[name])
    meant = understand(tenant, query, named={}, provider=embedding_provider(), now=now)
    with tenant_scope(tenant):
        nearest = exact(tenant, filtered(tenant, query, now=now), meant)
        turns = found(tenant, meant, now=now).turns
    best = {one for one, rank in zip(turns.ids, turns.semantic_rank, strict=True) if rank and rank <= TOP}
    return len(best & nearest) / len(nearest) if nearest else None


def exact(tenant: Tenant, messages: MessageQuerySet, meant: Understood) -> set[UUID]:
    sql, params = messages.order_by().values("pk").query.sql_with_params()
    values = [*params, HalfVector(cast("Vectors", meant.vector)).to_text(), tenant.pk, meant.model]
    with connection.cursor() as cursor:
        cursor.execute(EXACT.format(eligible=sql, top=TOP), values)
        return {message for message, _ in cursor.fetchall()}
