"""What commands do with a job: do it here and now, seen and cancelled as any other, with a bar on a terminal."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError
from django.db.models.functions import Now
from rich.console import Console

from memories.jobs import claims, working
from memories.jobs.claims import LEASE, Claimed
from memories.jobs.working import Cancelled, Flow, Turn
from memories.models import Job, JobKind, JobStatus
from tenants.isolation import tenant_scope
from tenants.management import terminal
from tenants.models import Tenant

AGAIN = "What was done stays; the same command again continues."


def queue(tenant: Tenant, kind: JobKind, **asked: Any) -> Job:
    """A job that is left to workers only if this process does not take it up."""
    with tenant_scope(tenant):
        return Job.objects.create(tenant=tenant, kind=kind, asked=asked, due_at=Now() + LEASE)


def work_off(job: Job, console: Console, *, description: str) -> Job:
    """Do the job to its end, and return it as it ended. Raises CommandError where that is no success."""
    carry_out(job, console, description=description)
    with tenant_scope(job.tenant):
        job.refresh_from_db()
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
        try:
            working.work_off(flows, turn=turn, only=[job.pk])
        except KeyboardInterrupt:
            with tenant_scope(job.tenant):
                claims.cancel(Job.objects.filter(tenant=job.tenant, pk=job.pk))
            raise CommandError(f"Interrupted. {_said(job)}", returncode=130) from None


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
