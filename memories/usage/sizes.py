"""How much tenants have: one pass over the tables, a few times an hour, so that nobody else counts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Func, IntegerField, QuerySet, Sum

from memories.models import Conversation, EmbeddingStatus, Fact, Message, MessageEmbedding, TenantSize
from tenants.isolation import across_tenants
from tenants.models import EndUser, Tenant

BYTES = Sum(Func("content", function="octet_length", output_field=IntegerField()))  # reads no text that is stored apart


@across_tenants()
def measure(*, now: datetime) -> None:
    """Write down every tenant's size."""
    sizes = {pk: TenantSize(tenant_id=pk, measured_at=now) for pk in Tenant.objects.values_list("pk", flat=True)}
    counted = (
        _by_tenant(Message.objects.all(), messages=Count("pk"), archived=Count("archived_at"), bytes=BYTES),
        _by_tenant(Conversation.objects.all(), conversations=Count("pk")),
        _by_tenant(EndUser.objects.all(), end_users=Count("pk")),
        _by_tenant(Fact.objects.current(), facts=Count("pk")),
    )
    for rows in counted:
        for row in rows:
            _note(sizes, row.pop("tenant"), row)
    for tenant_id, embedded in _embedded().items():
        _note(sizes, tenant_id, {"embedded": embedded})
    names = [field.name for field in TenantSize._meta.concrete_fields if not field.primary_key]
    TenantSize.objects.bulk_create(sizes.values(), update_conflicts=True, unique_fields=["tenant"], update_fields=names)


def _by_tenant(rows: QuerySet[Any], **counted: Any) -> Iterable[dict[str, Any]]:
    found: Iterable[dict[str, Any]] = rows.order_by().values("tenant").annotate(**counted)
    return found


def _embedded() -> dict[UUID, dict[str, int]]:
    """How many messages of each tenant each model has embedded."""
    done = MessageEmbedding.objects.filter(status=EmbeddingStatus.COMPLETED).order_by()
    found: dict[UUID, dict[str, int]] = {}
    for tenant_id, model, count in (
        done.values("tenant", "model").annotate(n=Count("pk")).values_list("tenant", "model", "n")
    ):
        found.setdefault(tenant_id, {})[model] = count
    return found


def _note(sizes: dict[UUID, TenantSize], tenant_id: UUID, counts: dict[str, Any]) -> None:
    if tenant_id in sizes:  # else it came meanwhile
        for name, count in counts.items():
            setattr(sizes[tenant_id], name, count)
