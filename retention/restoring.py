"""Back from the archive: messages that were archived are found again, as they were."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from memories import editing
from memories.models import Message
from memories.models.message import MessageQuerySet
from retention.models import Action, PlannedItem, Run
from tenants import audit
from tenants.isolation import tenant_scope
from tenants.models import Tenant

BATCH = 500


def archived(
    tenant: Tenant,
    *,
    ids: Collection[UUID] | None = None,
    conversation_id: str | None = None,
    run: Run | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> MessageQuerySet:
    """The tenant's archived messages that meet every filter given; `since` and `until`, inclusive, limit `archived_at`.

    Of a run: what it archived. What somebody else had archived since the plan bears another time than the plan's.
    """
    filters = {
        "pk__in": ids,
        "conversation__external_id": conversation_id,
        "archived_at__gte": since,
        "archived_at__lte": until,
    }
    wanted = {name: value for name, value in filters.items() if value is not None}
    messages = Message.objects.for_tenant(tenant).archived().filter(**wanted)
    return messages if run is None else messages.filter(pk__in=_archived_by(run), archived_at=run.planned_for)


def _archived_by(run: Run) -> QuerySet[PlannedItem, Any]:
    return run.items.filter(action=Action.ARCHIVE, done_at__isnull=False).values("message_id")


def restore(tenant: Tenant, *, on_batch: Callable[[int], object] = lambda _: None, **chosen: Any) -> int:
    """Have what `archived` chooses be found again, in batches; return how many. `on_batch` sees how many so far.

    The next run may archive them again: pin them or change the policy first.
    """
    done = 0
    while count := _restore_batch(tenant, chosen):
        done += count
        on_batch(done)
    return done


def _restore_batch(tenant: Tenant, chosen: Mapping[str, Any]) -> int:
    with tenant_scope(tenant):
        ids = list(archived(tenant, **chosen).order_by("pk").values_list("pk", flat=True)[:BATCH])
        done = editing.restore(Message.objects.filter(pk__in=ids))
        if done:
            audit.record("retention.restored", chosen.get("run"), tenant=tenant, messages=done)
        return done
