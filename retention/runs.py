"""Runs: plan, then carry the plan out in small transactions, so that whatever ends a run, another process goes on.

A run's plan and its moment are stored before anything is changed. What was held, pinned, restored or deleted since is
left alone and counted as skipped.
"""

import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from memories import editing
from memories.models.message import MessageQuerySet
from retention import cold, plan
from retention.models import LEASE, Action, Mode, PlannedItem, Rule, Run
from retention.policies import policy_of
from tenants import audit
from tenants.isolation import across_tenants, tenant_scope
from tenants.models import Tenant

BATCHES: dict[str, int] = {Action.ARCHIVE: 500, Action.DELETE: 200, Action.COLD: 2_000}
REST = 1.0  # seconds of pause for each second of work: what else the database has to do comes in between
KEEP_ITEMS = timedelta(days=30)
COUNTERS: dict[str, str] = {Action.ARCHIVE: "archived", Action.DELETE: "deleted", Action.COLD: "moved"}


class AlreadyRunning(Exception):
    """Another run of the tenant is not finished yet."""


def begin(
    tenant: Tenant,
    *,
    trigger: str,
    dry_run: bool | None = None,
    actions: Collection[str] = Action.values,
    now: datetime | None = None,
) -> Run:
    """Plan a run of `tenant` and store it; `execute` carries it out. Without `dry_run` the policy's mode decides.

    Raises AlreadyRunning.
    """
    with tenant_scope(tenant):
        policy = policy_of(tenant)
        is_dry = policy.mode == Mode.DRY_RUN if dry_run is None else dry_run
        run = _new(tenant, trigger=trigger, dry_run=is_dry, actions=sorted(actions), planned_for=now or timezone.now())
        rules = list(Rule.objects.for_tenant(tenant).in_force())
        plan.write_down(run, plan.criteria(policy, rules, actions=actions))
        if is_dry or not run.total:
            run.status, run.finished_at = Run.Status.COMPLETED, timezone.now()
        run.save()
        audit.record("retention.planned", run, tenant=tenant, dry_run=is_dry, total=run.total)
    return run


def _new(tenant: Tenant, **fields: Any) -> Run:
    try:
        with transaction.atomic():
            return Run.objects.create(tenant=tenant, **fields)
    except IntegrityError:
        raise AlreadyRunning from None


def execute(run: Run, *, until: float | None = None, on_batch: Callable[[Run], object] = lambda _: None) -> None:
    """Carry out what is left of `run`, unless another process is at it; at the end its row says how far it came.

    Stops early after `until` (of `time.monotonic`), to be continued. `on_batch` sees the run after each batch.
    """
    if not _take(run):
        return
    try:
        while _next_batch(run):
            on_batch(run)
            if until is not None and time.monotonic() > until:
                break
    except OperationalError:
        raise  # the database is away: the run goes on when it is back
    except Exception as error:
        with tenant_scope(run.tenant):
            _close(run, Run.Status.FAILED, error=f"{type(error).__name__}: {error}")
        raise
    _let_go(run)


def _take(run: Run) -> bool:
    with tenant_scope(run.tenant):
        return Run.objects.filter(pk=run.pk).take()


def _next_batch(run: Run) -> bool:
    """Carry out the next items, all of one action; False when there is nothing left to do."""
    started = time.monotonic()
    with tenant_scope(run.tenant):
        run.refresh_from_db(fields=["status"])
        first = run.items.open().order_by("pk").first() if run.status == Run.Status.RUNNING else None
        if first is None:
            return False
        items = list(run.items.open().filter(action=first.action).order_by("pk")[: BATCHES[first.action]])
    _carry_out(run, items, first.action)
    time.sleep((time.monotonic() - started) * REST)
    return True


def _carry_out(run: Run, items: Sequence[PlannedItem], action: str, *, changed: frozenset[UUID] = frozenset()) -> None:
    """Do to the messages of `items` what was decided, and count what was done and what is no longer to be.

    Messages on their way to cold storage that were `changed` there stay: the file is written again without them.
    """
    meant = _still_meant(run, items).exclude(pk__in=changed)
    written = cold.write(run, meant, batch=items[0].pk) if action == Action.COLD else None
    try:
        with tenant_scope(run.tenant):
            _count(run, items, action, done=_apply(run, action, meant, written))
    except cold.ChangedMeanwhile as error:
        cold.discard(error.written)
        _carry_out(run, items, action, changed=changed | error.messages)


def _apply(run: Run, action: str, messages: MessageQuerySet, written: cold.Written | None) -> int:
    match action:
        case Action.ARCHIVE:
            return editing.archive(messages, at=run.planned_for)
        case Action.DELETE:
            return editing.delete(messages)
    return cold.release(written, messages) if written else 0


def _count(run: Run, items: Sequence[PlannedItem], action: str, *, done: int) -> None:
    run.items.filter(pk__in=[item.pk for item in items]).update(done_at=Now())
    counts = {COUNTERS[action]: F(COUNTERS[action]) + done, "skipped": F("skipped") + len(items) - done}
    Run.objects.filter(pk=run.pk).update(lease_until=Now() + LEASE, **counts)
    run.refresh_from_db(fields=list(counts))


def _still_meant(run: Run, items: Sequence[PlannedItem]) -> MessageQuerySet:
    """The messages of `items` that are as the plan saw them: neither held nor restored nor archived since."""
    archived = [item.message_id for item in items if item.was_archived]
    live = [item.message_id for item in items if not item.was_archived]
    unchanged = Q(pk__in=archived, archived_at__isnull=False) | Q(pk__in=live, archived_at=None)
    # The ids once more by themselves: an index serves them, but not a choice between two conditions.
    return plan.unprotected(run.tenant).filter(unchanged, pk__in=[*archived, *live])


def _let_go(run: Run) -> None:
    """Free the run for whoever continues it; close it if nothing is left to do."""
    with tenant_scope(run.tenant):
        Run.objects.filter(pk=run.pk).update(lease_until=None)
        if not run.items.open().exists():
            _close(run, Run.Status.COMPLETED)
        run.refresh_from_db()


def cancel(run: Run) -> bool:
    """Stop a run after the batch it is at; what it did stays. False if it had ended already."""
    with tenant_scope(run.tenant):
        return _close(run, Run.Status.CANCELLED)


def _close(run: Run, status: Run.Status, *, error: str = "") -> bool:
    """End a running run and write that down; False if it had ended already."""
    running = Run.objects.filter(pk=run.pk).running()
    if not running.update(status=status, error=error, lease_until=None, finished_at=Now()):
        return False
    run.refresh_from_db()
    counts = {name: getattr(run, name) for name in (*COUNTERS.values(), "skipped")}
    audit.record(f"retention.{status}", run, tenant=run.tenant, **counts)
    return True


def forget_plans() -> int:
    """Delete items that nothing asks for any more; return how many.

    Those of dry runs and of what was deleted or moved go KEEP_ITEMS after their run; what was archived by a run can be
    restored by it for as long as it is there.
    """
    with across_tenants():
        over = PlannedItem.objects.filter(run__finished_at__lt=timezone.now() - KEEP_ITEMS)
        return over.exclude(run__dry_run=False, action=Action.ARCHIVE).delete()[0]
