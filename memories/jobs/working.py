"""Work off jobs: one at a time, each by its kind; what goes wrong is written on the job, where people see it."""

import time
import traceback
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from memories.jobs import claims
from memories.jobs.claims import Claimed, ClaimLost, Ended
from memories.models import Job, JobKind
from memories.providers.base import ProviderError, ProviderUnavailable, UnusableAnswer
from memories.providers.resilience import CircuitOpen
from tenants.origin import resumed

log = structlog.get_logger(__name__)


class Cancelled(Exception):
    """Somebody cancelled the job, and its flow has stopped where it may."""


class GivenUp(Exception):
    """The job cannot go on, and no other try would help; it says why."""


class NotYet(Exception):
    """The job has to wait until a time of day; it says for what."""

    def __init__(self, reason: str, *, until: datetime) -> None:
        super().__init__(reason)
        self.until = until


@dataclass(frozen=True)
class Turn:
    """How long a flow may go on (of `time.monotonic`), and who sees the job after each step. Then others are due."""

    until: float | None = None
    on_step: Callable[[Job], object] = lambda _: None

    @property
    def is_over(self) -> bool:
        return self.until is not None and time.monotonic() > self.until


TO_THE_END = Turn()
Flow = Callable[[Claimed, Turn], None]
OPERATIONS: dict[JobKind, Flow] = {}
"""Long operations by kind, as the apps register them when they are ready."""


def register(kind: JobKind, flow: Flow, *, ended: Ended | None = None) -> None:
    """Have jobs of this kind done by `flow`; `ended` is told when some ended, in that transaction."""
    OPERATIONS[kind] = flow
    if ended:
        claims.ENDED[kind] = ended


def work_off(
    flows: Mapping[JobKind, Flow] = OPERATIONS, *, turn: Turn = TO_THE_END, only: Collection[uuid.UUID] | None = None
) -> bool:
    """Do one job of these kinds that is due (of `only` these, if given), or a turn of it; whether there was one."""
    claimed = claims.claim(flows.keys(), only=only)
    if claimed is None:
        return False
    job = claimed.job
    followed = resumed(job.origin, f"job {job.kind}", tenant=job.tenant.slug, job_id=str(job.pk))
    with followed, claims.renewed(claimed):
        _do(claimed, flows[JobKind(job.kind)], turn)
    return True


def _do(claimed: Claimed, flow: Flow, turn: Turn) -> None:
    try:
        flow(claimed, turn)
        claims.stop_if_cancelled(claimed)
    except ClaimLost:
        log.info("job_is_anothers", kind=claimed.job.kind)
    except NotYet as error:
        claims.put_off(claimed, str(error), until=error.until)
    except Cancelled:
        claims.stop(claimed)
    except GivenUp as error:
        claims.fail(claimed, str(error))
    except ProviderError as error:
        _not_done(claimed, error)
    except Exception as error:  # noqa: BLE001 - it is written on the job, and tried again
        _crashed(claimed, error)
    except KeyboardInterrupt:  # of a command: its claim need not run out first
        claims.pause(claimed)
        raise


def _not_done(claimed: Claimed, error: ProviderError) -> None:
    """What may pass is tried again, the rest waits for somebody to look."""
    if isinstance(error, CircuitOpen):  # nothing was asked: no attempt was made
        wait = timedelta(seconds=error.retry_after or 0)
        claims.put_off(claimed, str(error), until=timezone.now() + wait)
    elif isinstance(error, ProviderUnavailable):
        claims.postpone(claimed, str(error), at_least=timedelta(seconds=error.retry_after or 0))
    elif isinstance(error, UnusableAnswer):
        claims.postpone(claimed, str(error))
    else:
        claims.fail(claimed, str(error))


def _crashed(claimed: Claimed, error: Exception) -> None:
    log.error("job_crashed", kind=claimed.job.kind, error=type(error).__name__, at=_frames(error))
    claims.postpone(claimed, f"It failed unexpectedly ({type(error).__name__}); the log of the worker says more.")


def _frames(error: Exception) -> list[str]:
    """Where it was raised, without its words: a database repeats the row that it refuses."""
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
