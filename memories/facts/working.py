"""Work off jobs: one at a time, each by its kind; what goes wrong is written on the job, where people see it."""

import traceback
import uuid
from collections.abc import Collection
from datetime import timedelta

import structlog
from django.utils import timezone

from memories.facts import jobs
from memories.facts.consolidation import consolidate
from memories.facts.extraction import extract
from memories.facts.jobs import Claimed
from memories.facts.reading import Reader
from memories.facts.spend import BudgetSpent
from memories.models import JobKind
from memories.providers.base import EmbeddingProvider, ProviderError, ProviderUnavailable

log = structlog.get_logger(__name__)
FLOWS = {JobKind.EXTRACT: extract, JobKind.CONSOLIDATE: consolidate}


def work_off(*, reader: Reader, provider: EmbeddingProvider, only: Collection[uuid.UUID] | None = None) -> bool:
    """Do one job that is due (of `only` these, if given); whether there was one."""
    claimed = jobs.claim(only=only)
    if claimed is None:
        return False
    structlog.contextvars.bind_contextvars(tenant=claimed.job.tenant.slug, job_id=str(claimed.job.pk))
    try:
        FLOWS[JobKind(claimed.job.kind)](claimed, reader=reader, provider=provider, now=timezone.now())
    except BudgetSpent as error:
        jobs.put_off(claimed, str(error), until=error.until)
    except ProviderError as error:
        _not_done(claimed, error)
    except Exception as error:  # noqa: BLE001 - it is written on the job, and tried again
        log.error(  # noqa: TRY400 - a traceback repeats the words of the error
            "job_crashed", kind=claimed.job.kind, error=type(error).__name__, at=_frames(error)
        )
        jobs.postpone(claimed, f"It failed unexpectedly ({type(error).__name__}); the log of the worker says more.")
    return True


def _frames(error: Exception) -> list[str]:
    """Where it was raised, without its words: a database repeats the row that it refuses."""
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]


def _not_done(claimed: Claimed, error: ProviderError) -> None:
    """What may pass is tried again, the rest waits for somebody to look."""
    if isinstance(error, ProviderUnavailable):
        jobs.postpone(claimed, str(error), at_least=timedelta(seconds=error.retry_after or 0))
    else:
        jobs.fail(claimed, str(error))
