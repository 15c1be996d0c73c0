"""What commands do with a job: do it here and now, seen and cancelled as any other, with a bar on a terminal."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError
from django.db.models.functions import Now
from django.utils import timezone
from rich.console import Console

from memories import embedding
from memories.embedding_models import provider_of
from memories.jobs import claims, working
from memories.jobs.claims import LEASE, Claimed
from memories.jobs.working import Cancelled, Flow, Turn
from memories.models import Job, JobKind, JobStatus
from memories.models.job import OPEN
from tenants.isolation import tenant_scope
from tenants.management import terminal
from tenants.models import Tenant

IDLE_SECONDS = 0.5  # while others are at all there is to do
AGAIN = "What was done stays; the same command again continues."


def queue(tenant: Tenant, kind: JobKind, **asked: Any) -> Job:
    """A job that is left to workers only if this process does not take it up."""
    with tenant_scope(tenant):
        return Job.objects.create(tenant=tenant, kind=kind, asked=asked, due_at=Now() + LEASE)


def work_off(job: Job, console: Console, *, description: str) -> Job:
    """Do the job to its end, and return it as it ended. Raises CommandError where that is no success."""
    carry_out(job, console, description=description)
    _refresh(job)
    return _succeeded(job)


def _refresh(job: Job) -> None:
    with tenant_scope(job.tenant):
        job.refresh_from_db()


def _succeeded(job: Job) -> Job:
    if job.status != JobStatus.SUCCEEDED:
        raise CommandError(f"{job.get_status_display()}. {job.error} {_said(job)}".replace("  ", " "))
    return job


def carry_out(
    job: Job, console: Console, *, description: str, flows: Mapping[JobKind, Flow] = working.OPERATIONS
) -> None:
    """Do the job here, with a bar on a terminal; its row says how it ended.

    What is interrupted from the keyboard is cancelled (CommandError); if this process dies, a worker goes on.
    """
    with terminal.progress_on(console) as bar:
        task = bar.add_task(description, total=job.total)
        turn = Turn(on_step=lambda job: bar.update(task, completed=job.done, total=job.total))
        with _cancelled_from_keyboard(job):
            working.work_off(flows, turn=turn, only=[job.pk])


@contextmanager
def _cancelled_from_keyboard(job: Job) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        with tenant_scope(job.tenant):
            claims.cancel(Job.objects.filter(tenant=job.tenant, pk=job.pk))
        raise CommandError(f"Interrupted. {_said(job)}", returncode=130) from None


def work_off_beside_workers(job: Job, console: Console, *, model: str, description: str) -> Job:
    """The same for a job that gives work to embedding workers: that is done here too, so that none need run.

    Those that do run take part, in the job's own steps as well.
    """
    provider = provider_of(model)
    with terminal.progress_on(console) as bar:
        task = bar.add_task(description, total=job.total)
        with _cancelled_from_keyboard(job):
            while job.status in OPEN:
                if _is_due(job):
                    working.work_off(only=[job.pk])
                embedded = embedding.embed_batch(provider)
                _refresh(job)
                bar.update(task, completed=job.done, total=job.total)
                if not embedded and job.status in OPEN:
                    time.sleep(IDLE_SECONDS)
    return _succeeded(job)


def _is_due(job: Job) -> bool:
    """What was put off may have become possible by what was just embedded; what failed has to wait its time."""
    return job.attempts == 0 or job.due_at <= timezone.now()


@contextmanager
def recorded(tenant: Tenant, kind: JobKind) -> Iterator[Claimed]:
    """A row for what only this process can do: whoever sees it may cancel, but no worker goes on with it.

    The body reports how far it is (`claims.report`), looks whether it is cancelled, and finishes.
    """
    claimed = claims.claim([kind], only=[queue(tenant, kind).pk])
    if claimed is None:
        raise CommandError("Somebody cancelled it before it began.")
    try:
        yield claimed
    except (Cancelled, KeyboardInterrupt):
        claims.stop(claimed)
        raise
    except Exception as error:
        with suppress(DatabaseError):  # if that is what failed, its time will run out
            claims.fail(claimed, f"{type(error).__name__}. {AGAIN}")
        raise


def _said(job: Job) -> str:
    return f"What was done stays; the job {job.pk} can be tried again, and goes on from there."
