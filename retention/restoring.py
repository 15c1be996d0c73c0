"""Back from the archive: messages that were archived are found again, as they were."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from memories import editing
from memories.jobs.steps import Operation, Step
from memories.jobs.working import GivenUp
from memories.models import Job, JobKind, Message
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
    conversation: UUID | None = None,
    run: Run | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> MessageQuerySet:
    """The tenant's archived messages that meet every filter given; `since` and `until`, inclusive, limit `archived_at`.

    Of a run: what it archived. What somebody else had archived since the plan bears another time than the plan's.
    """
    filters = {
        "pk__in": ids,
        "conversation": conversation,
        "archived_at__gte": since,
        "archived_at__lte": until,
    }
    wanted = {name: value for name, value in filters.items() if value is not None}
    messages = Message.objects.for_tenant(tenant).archived().filter(**wanted)
    return messages if run is None else messages.filter(pk__in=_archived_by(run), archived_at=run.planned_for)


def _archived_by(run: Run) -> QuerySet[PlannedItem, Any]:
    return run.items.filter(action=Action.ARCHIVE, done_at__isnull=False).values("message_id")


def restore(tenant: Tenant, **chosen: Any) -> int:
    """Have what `archived` chooses be found again, in batches; return how many.

    The next run may archive them again: pin them or change the policy first.
    """
    done = 0
    while count := _restore_batch(tenant, chosen):
        done += count
    return done


def _restore_batch(tenant: Tenant, chosen: Mapping[str, Any]) -> int:
    with tenant_scope(tenant):
        ids = list(archived(tenant, **chosen).order_by("pk").values_list("pk", flat=True)[:BATCH])
        done = editing.restore(Message.objects.filter(pk__in=ids))
        if done:
            audit.record("retention.restored", chosen.get("run"), tenant=tenant, messages=done)
        return done


# --- As a job -------------------------------------------------------------------------------------------------------


def asked(**chosen: Any) -> dict[str, Any]:
    """What `archived` is to choose, as a job keeps it."""
    spelt: dict[str, Callable[[Any], Any]] = {
        "run": lambda run: str(run.pk),
        "ids": lambda ids: [str(one) for one in ids],
        "conversation": str,
        "since": datetime.isoformat,
        "until": datetime.isoformat,
    }
    return {name: spelt[name](value) for name, value in chosen.items()}


def queue(tenant: Tenant, **chosen: Any) -> Job:
    """Have a worker restore what `archived` chooses; in the tenant's scope."""
    return Job.objects.create(tenant=tenant, kind=JobKind.RESTORE, asked=asked(**chosen))


def _chosen_by(job: Job) -> dict[str, Any]:
    """Raises GivenUp where that was a run, and is gone."""
    chosen = dict(job.asked)
    if "run" in chosen:
        chosen["run"] = Run.objects.for_tenant(job.tenant).filter(pk=chosen["run"]).first()
        if chosen["run"] is None:
            raise GivenUp("The retention run is gone.")
    times = {name: datetime.fromisoformat(chosen[name]) for name in ("since", "until") if name in chosen}
    return chosen | times


def _step(job: Job) -> Step | None:
    done = _restore_batch(job.tenant, _chosen_by(job))
    return Step({}, done=done, counts={"restored": done}) if done else None


OPERATION = Operation(step=_step, measure=lambda job: archived(job.tenant, **_chosen_by(job)).count())
