"""Jobs: queued, claimed, finished or put off. The row is the outbox, as it is for embeddings (`memories.embedding`).

A claim lasts LEASE; its own id guards the result, so that a worker that was given up cannot finish what another took.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Greatest, Least, Now
from django.utils import timezone

from memories.models import Conversation, Job, JobKind, JobStatus, Message, Reading
from tenants.isolation import across_tenants
from tenants.models import EndUser

TURNS_MAX = 50
LEASE = timedelta(minutes=5)
MAX_ATTEMPTS = 8
BACKOFF_FIRST, BACKOFF_MAX = timedelta(seconds=5), timedelta(minutes=30)
WAIT_AT_MOST = 10  # times the pause that a session is given: one that never pauses is read all the same
KEPT_FOR = timedelta(days=30)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Claimed:
    """A job that only the holder of `claim` may finish."""

    job: Job
    claim: uuid.UUID


def queue_turn(message: Message, conversation: Conversation, end_user: EndUser) -> Job:
    """Have `message` read for facts when its session pauses, with what else the session says until then."""
    pause = timedelta(seconds=settings.MEMORY_EXTRACTION_DEBOUNCE_SECONDS)
    job = _waiting(conversation, end_user) or Job.objects.create(
        tenant_id=message.tenant_id,
        end_user=end_user,
        conversation=conversation,
        kind=JobKind.EXTRACT,
        due_at=Now() + pause,
    )
    capped = Least(Now() + pause, F("created_at") + pause * WAIT_AT_MOST)
    Job.objects.filter(pk=job.pk).update(due_at=Greatest("due_at", capped))
    Reading.objects.create(tenant_id=message.tenant_id, message=message, job=job)
    return job


def _waiting(conversation: Conversation, end_user: EndUser) -> Job | None:
    """The session's job that nobody has taken up and that has room for another turn."""
    untouched = Job.objects.filter(
        tenant=conversation.tenant_id,
        conversation=conversation,
        end_user=end_user,
        kind=JobKind.EXTRACT,
        status=JobStatus.QUEUED,
        attempts=0,
    )
    job = untouched.select_for_update(skip_locked=True).order_by("-created_at").first()
    return job if job and job.readings.count() < TURNS_MAX else None


def queue_consolidation(end_user: EndUser) -> Job:
    """Have the facts of `end_user` consolidated; the job that waits for it already, if there is one."""
    mine = Job.objects.filter(tenant=end_user.tenant_id, end_user=end_user, kind=JobKind.CONSOLIDATE)
    waiting = mine.filter(status=JobStatus.QUEUED).first()
    return waiting or Job.objects.create(tenant_id=end_user.tenant_id, end_user=end_user, kind=JobKind.CONSOLIDATE)


@across_tenants()
def claim(*, only: Collection[uuid.UUID] | None = None) -> Claimed | None:
    """Take up the next due job that no other worker holds, or one of `only` these, due or not."""
    due = Job.objects.due() if only is None else Job.objects.filter(pk__in=only, status=JobStatus.QUEUED)
    due.filter(attempts__gte=MAX_ATTEMPTS).update(
        status=JobStatus.FAILED,
        claim=None,
        finished_at=Now(),
        error=f"The worker stopped in each of {MAX_ATTEMPTS} attempts.",
    )
    unheld = due.select_for_update(skip_locked=True, of=("self",)).select_related("tenant", "end_user", "conversation")
    job = unheld.order_by("due_at", "pk").first()
    if job is None:
        return None
    claimed = Claimed(job, uuid.uuid4())
    Job.objects.filter(pk=job.pk).update(
        status=JobStatus.RUNNING, claim=claimed.claim, due_at=Now() + LEASE, attempts=F("attempts") + 1
    )
    return claimed


def is_held(claimed: Claimed) -> bool:
    """Whether the claim still stands; it does then until the transaction ends."""
    held = Job.objects.filter(pk=claimed.job.pk, claim=claimed.claim)
    return held.select_for_update().values_list("pk", flat=True).first() is not None


def finish(claimed: Claimed, result: dict[str, Any]) -> None:
    """Write down that it is done, in the transaction of what was done."""
    _release(claimed, status=JobStatus.SUCCEEDED, error="", result=result, finished_at=timezone.now())


@across_tenants()
def fail(claimed: Claimed, reason: str) -> None:
    """Give it up, until somebody has it tried again."""
    _release(claimed, status=JobStatus.FAILED, error=reason, finished_at=timezone.now())
    log.error("job_failed", job_id=str(claimed.job.pk), kind=claimed.job.kind, reason=reason)


def postpone(claimed: Claimed, reason: str, *, at_least: timedelta = timedelta()) -> None:
    """Try again after a pause that doubles with each attempt; give up after MAX_ATTEMPTS."""
    attempts = claimed.job.attempts + 1
    if attempts >= MAX_ATTEMPTS:
        fail(claimed, reason)
        return
    pause = max(at_least, min(BACKOFF_FIRST * 2 ** (attempts - 1), BACKOFF_MAX))
    with across_tenants():
        _release(claimed, status=JobStatus.QUEUED, error=reason, due_at=Now() + pause)
    log.warning("job_postponed", job_id=str(claimed.job.pk), kind=claimed.job.kind, reason=reason)


@across_tenants()
def put_off(claimed: Claimed, reason: str, *, until: datetime) -> None:
    """Have it wait until a time of day: no attempt was made."""
    _release(claimed, status=JobStatus.QUEUED, error=reason, due_at=until, attempts=claimed.job.attempts)


def _release(claimed: Claimed, **changes: Any) -> None:
    Job.objects.filter(pk=claimed.job.pk, claim=claimed.claim).update(claim=None, **changes)


@across_tenants()
def seconds_until_next() -> float | None:
    """How long until the next job is due, 0 or more; None where none is open."""
    due_at = Job.objects.filter(status=JobStatus.QUEUED).order_by("due_at").values_list("due_at", flat=True).first()
    return None if due_at is None else max(0.0, (due_at - timezone.now()).total_seconds())


@across_tenants()
def forget_finished(*, now: datetime) -> int:
    """Delete jobs that succeeded KEPT_FOR ago; return how many. What they read stays read."""
    old = Job.objects.filter(status=JobStatus.SUCCEEDED, finished_at__lt=now - KEPT_FOR)
    return old.delete()[1].get("memories.Job", 0)
