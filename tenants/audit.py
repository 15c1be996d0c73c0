"""The audit trail: who did what, when and from where. PostgreSQL refuses to change or delete what stands in it."""

from typing import Any

import structlog
from django.db.models import Model

from tenants.models import AuditEvent, Tenant

ActorKind = AuditEvent.ActorKind


def act_as(kind: AuditEvent.ActorKind, name: str, *, address: str = "") -> None:
    """Say who acts from here on, in this request or command and in the tasks it queues; log lines say it too."""
    structlog.contextvars.bind_contextvars(actor_kind=kind.value, actor=name, address=address)


def record(action: str, about: Model | None = None, *, tenant: Tenant | None = None, **detail: Any) -> AuditEvent:
    """Write down that whoever acts did `action` (such as "api_key.issued") to the row `about`; `detail` is JSON.

    In the transaction of the act itself: neither stands without the other.
    """
    context = structlog.contextvars.get_contextvars()
    return AuditEvent.objects.create(
        tenant=tenant,
        actor_kind=context.get("actor_kind", ActorKind.SYSTEM),
        actor=context.get("actor", "")[:200],
        action=action,
        object_type=str(about._meta.model_name) if about else "",
        object_id=str(about.pk) if about else "",
        detail=detail,
        address=context.get("address", ""),
        request_id=context.get("request_id", ""),
    )
