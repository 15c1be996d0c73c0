"""How the embedding of messages goes: what waits, since when, what failed, and how long a text waits to be found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from django.db.models import Count, F, Min

from memories.models import EmbeddingStatus, Message, MessageEmbedding, TenantSize
from memories.models.embedding import NOT_EMBEDDED
from tenants.models import Tenant

LOOKED_AT = 200  # of the newest messages, for the lag
SHOWN = 10  # failures
WAITING_AT_MOST = 10_000  # counted, over all tenants


@dataclass(frozen=True)
class Waiting:
    """How many texts wait, WAITING_AT_MOST at the most, and since when the first of them; None when none does."""

    count: int
    since: datetime | None

    @property
    def is_capped(self) -> bool:
        return self.count >= WAITING_AT_MOST


def waiting(*, models: Sequence[str]) -> Waiting:
    """Over all tenants."""
    unfinished = MessageEmbedding.objects.filter(model__in=models).unfinished()
    first = unfinished.order_by("due_at").values_list("queued_at", flat=True).first()
    count = unfinished.order_by().values("pk")[:WAITING_AT_MOST].count() if first else 0
    return Waiting(count, first)


def failed(*, models: Sequence[str]) -> int:
    """Over all tenants; WAITING_AT_MOST at the most."""
    rows = MessageEmbedding.objects.filter(model__in=models, status=EmbeddingStatus.FAILED)
    return rows.order_by().values("pk")[:WAITING_AT_MOST].count()


def by_model_and_status(tenant: Tenant, size: TenantSize | None) -> list[dict[str, Any]]:
    """Counts of a tenant's messages: what is not embedded, as of now; `completed` as of its `size`."""
    rows = MessageEmbedding.objects.filter(tenant=tenant, status__in=NOT_EMBEDDED).order_by()
    counts: list[Any] = list(rows.values("model", "status").annotate(count=Count("pk"), oldest_at=Min("queued_at")))
    done = (size.embedded if size else {}).items()
    counts += [{"model": one, "status": "completed", "count": count, "oldest_at": None} for one, count in done]
    return sorted(counts, key=lambda row: (row["model"], row["status"]))


def lag(tenant: Tenant | None, *, models: Sequence[str]) -> dict[str, float | None]:
    """Seconds from a write to searchable by meaning, of the newest messages that are: of a tenant, or of all."""
    messages = Message.objects.for_tenant(tenant) if tenant else Message.objects.all()
    newest = messages.order_by("-pk").values("pk")[:LOOKED_AT]
    done = MessageEmbedding.objects.filter(message__in=newest, model__in=models, status=EmbeddingStatus.COMPLETED)
    waits = done.annotate(wait=F("completed_at") - F("queued_at")).values_list("wait", flat=True)
    return percentiles([wait.total_seconds() for wait in waits if wait is not None])


def percentiles(values: list[float]) -> dict[str, float | None]:
    """The median and the 95th percentile; None of nothing."""
    in_order = [round(value, 3) for value in sorted(values)]
    return {"p50": percentile(in_order, 0.50), "p95": percentile(in_order, 0.95)}


def percentile(in_order: Sequence[float], share: float) -> float | None:
    """The least of them that `share` of all do not exceed."""
    return in_order[max(0, ceil(share * len(in_order)) - 1)] if in_order else None


def failures(tenant: Tenant, *, model: str) -> list[MessageEmbedding]:
    """The latest."""
    rows = MessageEmbedding.objects.filter(tenant=tenant, model=model, status=EmbeddingStatus.FAILED)
    return list(rows.order_by("-queued_at")[:SHOWN])
