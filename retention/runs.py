"""Runs: plan, then carry the plan out in small transactions, so that whatever ends a run, another process goes on.

A run's plan and its moment are stored before anything is changed. What was held, pinned, restored or deleted since is
left alone and counted as skipped.
"""

import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from memories import editing
from memories.jobs import claims, working
from memories.jobs.steps import Operation, Step
from memories.jobs.working import GivenUp, Turn
from memories.models import Job, JobKind, JobStatus
from memories.models.message import MessageQuerySet
from retention import cold, cold_files, metrics, plan
from retention.models import Action, Mode, PlannedItem, Rule, Run
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
    wait: timedelta = timedelta(),
) -> Run:
    """Plan a run of `tenant` and store it, with the job that carries it out.

    Without `dry_run` the policy's mode decides. Workers leave the job for `wait` to whoever begins it, to `execute` it
    there. Raises AlreadyRunning.
    """
    with tenant_scope(tenant):
        policy = policy_of(tenant)
        is_dry = policy.mode == Mode.DRY_RUN if dry_run is None else dry_run
        run = _new(tenant, trigger=trigger, dry_run=is_dry, actions=sorted(actions), planned_for=now or timezone.now())
        rules = list(Rule.objects.for_tenant(tenant).in_force())
        plan.write_down(run, plan.criteria(policy, rules, actions=actions))
        if is_dry or not run.total:
            run.status, run.finished_at = Run.Status.COMPLETED, timezone.now()
            metrics.count_run_after_commit(run.status, dry_run=is_dry)
        else:
            due = {"due_at": Now() + wait, "total": run.total}
            Job.objects.create(pk=run.pk, tenant=tenant, kind=JobKind.RETENTION, asked={"actions": run.actions}, **due)
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
    """Carry out what is left of `run` here and now, unless another process is at it; its row says how far it came.

    Stops early after `until` (of `time.monotonic`), and workers go on. `on_batch` sees the run after each batch.
    """

    def tell(_: Job) -> None:
        _refresh(run)
        on_batch(run)

    working.work_off(turn=Turn(until, tell), only=[run.pk])
    _refresh(run)


def _refresh(run: Run) -> None:
    with tenant_scope(run.tenant):
        run.refresh_from_db()


# --- As a job, which bears the run's id -----------------------------------------------------------------------------


def step(job: Job) -> Step | None:
    """Carry out the next batch of the run; None at its end. Whatever ended a step, the run's counts are right."""
    run = _going_on(job)
    try:
        if run is not None and not _next_batch(run):
            return None
    except cold_files.CorruptColdFile as error:
        raise GivenUp(str(error)) from None
    counts = {name: getattr(run, name) - job.result.get(name, 0) for name in (*COUNTERS.values(), "skipped") if run}
    return Step(job.position, done=sum(counts.values()), counts={name: n for name, n in counts.items() if n})


def _going_on(job: Job) -> Run | None:
    """The run, running, again if it had ended and is tried again; None where somebody has just cancelled it."""
    with tenant_scope(job.tenant):
        run = Run.objects.for_tenant(job.tenant).select_related("tenant").get(pk=job.pk)
        if run.status == Run.Status.RUNNING:
            return run
        if Job.objects.filter(pk=job.pk, is_cancelled=True).exists():
            return None
        return _reopened(run)


def _reopened(run: Run) -> Run:
    try:
        with transaction.atomic():
            Run.objects.filter(pk=run.pk).update(status=Run.Status.RUNNING, error="", finished_at=None)
    except IntegrityError:
        raise GivenUp("Another run of the tenant is not finished; try again when it is.") from None
    run.refresh_from_db()
    return run


OPERATION = Operation(step=step, is_atomic=False)
STATUS = {
    JobStatus.SUCCEEDED: Run.Status.COMPLETED,
    JobStatus.FAILED: Run.Status.FAILED,
    JobStatus.CANCELLED: Run.Status.CANCELLED,
}


def job_ended(ids: Collection[UUID], status: JobStatus, error: str) -> None:
    """A run ends with its job, in the same transaction."""
    for run in Run.objects.filter(pk__in=ids).select_related("tenant"):
        _close(run, STATUS[status], error=error)


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
            done = _apply(run, action, meant, written)
            _count(run, items, action, done=done)
        metrics.messages.labels(action).inc(done)
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
    Run.objects.filter(pk=run.pk).update(**counts)
    run.refresh_from_db(fields=list(counts))


def _still_meant(run: Run, items: Sequence[PlannedItem]) -> MessageQuerySet:
    """The messages of `items` that are as the plan saw them: neither held nor restored nor archived since."""
    archived = [item.message_id for item in items if item.was_archived]
    live = [item.message_id for item in items if not item.was_archived]
    unchanged = Q(pk__in=archived, archived_at__isnull=False) | Q(pk__in=live, archived_at=None)
    # The ids once more by themselves: an index serves them, but not a choice between two conditions.
    return plan.unprotected(run.tenant).filter(unchanged, pk__in=[*archived, *live])


def cancel(run: Run) -> bool:
    """Stop a run after the batch it is at; what it did stays. False if it had ended already."""
    with tenant_scope(run.tenant):
        was_running = Run.objects.filter(pk=run.pk).running().exists()
        claims.cancel(Job.objects.filter(tenant=run.tenant, pk=run.pk))
        _close(run, Run.Status.CANCELLED)
        run.refresh_from_db()
    return was_running


def _close(run: Run, status: Run.Status, *, error: str = "") -> bool:
    """End a running run and write that down; False if it had ended already."""
    running = Run.objects.filter(pk=run.pk).running()
    if not running.update(status=status, error=error, finished_at=Now()):
        return False
    run.refresh_from_db()
    metrics.count_run_after_commit(status, dry_run=run.dry_run)
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
