"""Jobs: claimed, advanced, finished or put off. The row is the outbox, as it is for embeddings (`memories.embedding`).

A claim lasts as long as its worker lives, and LEASE longer should that be killed; its own id guards what is written, so
that a worker that was given up cannot finish what another took.
"""

import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from memories import metrics
from memories.models import Job, JobKind, JobStatus
from memories.models.job import OPEN, ROUTINE, JobQuerySet
from tenants.isolation import across_tenants

LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 8
BACKOFF_FIRST, BACKOFF_MAX = timedelta(seconds=5), timedelta(minutes=30)
KEPT_FOR, ROUTINE_KEPT_FOR = timedelta(days=30), timedelta(days=1)

Ended = Callable[[Collection[uuid.UUID], JobStatus, str], object]
ENDED: dict[str, Ended] = {}
"""What else is to be written when jobs of a kind end, by their ids, with what error; in the same transaction."""

log = structlog.get_logger(__name__)


class ClaimLost(Exception):
    """The job is another worker's by now, or gone: what was just done for it must not stand."""


@dataclass(frozen=True)
class Claimed:
    """A job that only the holder of `claim` may finish."""

    job: Job
    claim: uuid.UUID


@across_tenants()
def claim(kinds: Collection[JobKind], *, only: Collection[uuid.UUID] | None = None) -> Claimed | None:
    """Take up the next due job of `kinds` that no other worker holds, or one of `only` these that waits, due or not."""
    due = Job.objects.filter(kind__in=kinds).due()
    if only is not None:
        due = Job.objects.filter(Q(pk__in=due.values("pk")) | Q(status=JobStatus.QUEUED), pk__in=only, kind__in=kinds)
    _give_up(due)
    unheld = due.select_for_update(skip_locked=True, of=("self",)).select_related("tenant", "end_user", "conversation")
    job = unheld.order_by("due_at", "pk").first()
    if job is None:
        return None
    claimed = Claimed(job, uuid.uuid4())
    Job.objects.filter(pk=job.pk).update(
        status=JobStatus.RUNNING, claim=claimed.claim, due_at=Now() + LEASE, attempts=F("attempts") + 1
    )
    return claimed


def _give_up(due: JobQuerySet) -> None:
    """End what a dead worker left: what was cancelled meanwhile, and what has stopped too many workers."""
    end(due.filter(is_cancelled=True), JobStatus.CANCELLED)
    error = f"The worker stopped in each of {MAX_ATTEMPTS} attempts."
    end(due.filter(attempts__gte=MAX_ATTEMPTS), JobStatus.FAILED, error=error)


def is_held(claimed: Claimed) -> bool:
    """Whether the claim still stands and nobody cancelled; it is so then until the transaction ends."""
    held = _held(claimed).filter(is_cancelled=False)
    return held.select_for_update().values_list("pk", flat=True).first() is not None


@contextmanager
def renewed(claimed: Claimed) -> Iterator[None]:
    """Meanwhile the claim does not run out, however long a step takes, or a model."""
    over = threading.Event()
    renewer = threading.Thread(target=_renew, args=[claimed, over], daemon=True)
    renewer.start()
    try:
        yield
    finally:
        over.set()
        renewer.join()


def _renew(claimed: Claimed, over: threading.Event) -> None:
    while not over.wait(LEASE.total_seconds() / 3):
        try:
            with across_tenants():
                _held(claimed).update(due_at=Now() + LEASE)
        except DatabaseError as error:
            log.warning("claim_not_renewed", error=type(error).__name__)
        finally:
            connection.close()  # the thread ends, and its connection is its own


def _held(claimed: Claimed) -> JobQuerySet:
    return Job.objects.filter(tenant=claimed.job.tenant_id, pk=claimed.job.pk, claim=claimed.claim)


def measured(claimed: Claimed, total: int | None) -> None:
    """Write down how many steps there are to do, in the scope of the tenant."""
    claimed.job.total = total
    _held(claimed).update(total=total)


def advance(claimed: Claimed, *, position: Mapping[str, Any], done: int, result: Mapping[str, Any]) -> None:
    """Write down how far it is, in the transaction of what was done where that is one; the claim lasts from now.

    What gets on has not failed: attempts are counted anew. The job then says whether it is cancelled. Raises ClaimLost.
    """
    changes = {"position": position, "done": F("done") + done, "result": result}
    if not _held(claimed).update(due_at=Now() + LEASE, attempts=1, error="", **changes):
        raise ClaimLost
    claimed.job.refresh_from_db(fields=[*changes, "is_cancelled"])
    claimed.job.attempts = 0


def report(claimed: Claimed, *, done: int, total: int | None) -> None:
    """Write down how far it is, in numbers alone; the claim lasts from now. Raises ClaimLost."""
    with across_tenants():
        if not _held(claimed).update(due_at=Now() + LEASE, attempts=1, done=done, total=total):
            raise ClaimLost
        claimed.job.refresh_from_db(fields=["done", "total", "is_cancelled"])
    claimed.job.attempts = 0


# --- Let go ---------------------------------------------------------------------------------------------------------


def finish(claimed: Claimed, result: Mapping[str, Any]) -> None:
    """Write down that it is done, in the transaction of what was done."""
    end(_held(claimed), JobStatus.SUCCEEDED, position={}, result=result)


@across_tenants()
def fail(claimed: Claimed, reason: str, **changes: Any) -> None:
    """Give it up, until somebody has it tried again."""
    end(_held(claimed), JobStatus.FAILED, error=reason, **changes)
    log.error("job_failed", job_id=str(claimed.job.pk), kind=claimed.job.kind, reason=reason)


@across_tenants()
def stop(claimed: Claimed) -> None:
    """End it as cancelled; what it did stays."""
    end(_held(claimed), JobStatus.CANCELLED, is_cancelled=True)


@across_tenants()
def stop_if_cancelled(claimed: Claimed) -> None:
    end(_held(claimed).filter(is_cancelled=True), JobStatus.CANCELLED)


def pause(claimed: Claimed) -> None:
    """Leave the rest to whoever comes next, after the others that are due."""
    _requeue(claimed, due_at=Now(), attempts=claimed.job.attempts)


def postpone(claimed: Claimed, reason: str, *, at_least: timedelta = timedelta()) -> None:
    """Try again after a pause that doubles with each attempt; give up after MAX_ATTEMPTS."""
    attempts = claimed.job.attempts + 1
    if attempts >= MAX_ATTEMPTS:
        fail(claimed, reason)
        return
    delay = max(at_least, min(BACKOFF_FIRST * 2 ** (attempts - 1), BACKOFF_MAX))
    _requeue(claimed, error=reason, due_at=Now() + delay)
    log.warning("job_postponed", job_id=str(claimed.job.pk), kind=claimed.job.kind, reason=reason)


def put_off(claimed: Claimed, reason: str, *, until: datetime) -> None:
    """Have it wait until a time of day: no attempt was made."""
    _requeue(claimed, error=reason, due_at=until, attempts=claimed.job.attempts)


@across_tenants()
def _requeue(claimed: Claimed, **changes: Any) -> None:
    """What is cancelled meanwhile does not wait again."""
    if not end(_held(claimed).filter(is_cancelled=True), JobStatus.CANCELLED):
        _held(claimed).update(claim=None, status=JobStatus.QUEUED, **changes)


def end(jobs: JobQuerySet, status: JobStatus, *, error: str = "", **changes: Any) -> int:
    """End those of `jobs` that are open; return how many. They are counted once that is committed."""
    opened = jobs.filter(status__in=OPEN).order_by("pk").select_for_update(of=("self",)).values_list("kind", "pk")
    by_kind: dict[str, list[uuid.UUID]] = defaultdict(list)
    for kind, pk in opened:
        by_kind[kind].append(pk)
    for kind, ids in by_kind.items():
        ended = Job.objects.filter(pk__in=ids)
        ended.update(status=status, claim=None, finished_at=timezone.now(), error=error, **changes)
        ENDED.get(kind, _nothing_else)(ids, status, error)
        transaction.on_commit(partial(metrics.jobs_finished.labels(kind=kind, status=status.value).inc, len(ids)))
    return sum(map(len, by_kind.values()))


def _nothing_else(ids: Collection[uuid.UUID], status: JobStatus, error: str) -> None:
    """Most kinds stand on their rows alone."""


# --- From outside ---------------------------------------------------------------------------------------------------


def cancel(jobs: JobQuerySet) -> int:
    """Stop those of `jobs` that are open, what runs after the step it is at; return how many. What they did stays."""
    locked = jobs.filter(status__in=OPEN).order_by("pk").select_for_update(of=("self",))
    opened = list(locked.values_list("pk", "status"))
    waiting = [pk for pk, status in opened if status == JobStatus.QUEUED]
    Job.objects.filter(pk__in=[pk for pk, _ in opened]).update(is_cancelled=True)
    end(Job.objects.filter(pk__in=waiting), JobStatus.CANCELLED)
    return len(opened)


@across_tenants()
def seconds_until_next(kinds: Collection[JobKind]) -> float | None:
    """How long until the next job of `kinds` is due, 0 or more; None where none waits."""
    waiting = Job.objects.filter(kind__in=kinds, status=JobStatus.QUEUED)
    due_at = waiting.order_by("due_at").values_list("due_at", flat=True).first()
    return None if due_at is None else max(0.0, (due_at - timezone.now()).total_seconds())


@across_tenants()
def forget_finished(*, now: datetime) -> int:
    """Delete jobs that succeeded, or were cancelled, KEPT_FOR ago; return how many. What they read stays read.

    Those that beat queues by itself go after ROUTINE_KEPT_FOR: there are many.
    """
    ended = Job.objects.filter(status__in=(JobStatus.SUCCEEDED, JobStatus.CANCELLED))
    is_routine = Q(kind__in=ROUTINE, status=JobStatus.SUCCEEDED)
    old = Q(finished_at__lt=now - KEPT_FOR) | is_routine & Q(finished_at__lt=now - ROUTINE_KEPT_FOR)
    return ended.filter(old).delete()[1].get("memories.Job", 0)
