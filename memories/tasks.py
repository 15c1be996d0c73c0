"""Every Celery task of this room: ids in, one flow called, done. Any of them may be lost or run twice without harm."""

import time
import uuid
from collections.abc import Sequence

import structlog
from celery import Task, shared_task
from django.core.cache import cache
from django.utils import timezone
from kombu.exceptions import OperationalError

from memories import embedding, embedding_models, filling, upkeep
from memories.embedding_models import provider_for
from memories.facts import consolidation, essentials, store
from memories.facts import working as fact_working
from memories.facts.reading import reader
from memories.jobs import claims, working
from memories.jobs.working import OPERATIONS, Turn
from memories.models import Fact
from memories.providers.base import ProviderError
from memories.search import vector_indexes
from memories.usage import roll_up, sizes
from tenants.origin import forgotten

WAKE_FLAG = "embedding-worker-is-called"
FACT_WAKE_FLAG = "fact-worker-is-called"
FACT_EMBED_FLAG = "fact-embedder-is-called"
OPERATION_WAKE_FLAG = "operation-worker-is-called"
WAKE_SECONDS = 10
TURN_SECONDS = 5.0
FILLING_SECONDS = 1.0
SOON_SECONDS = 10.0  # beyond, beat looks in time

log = structlog.get_logger(__name__)


def wake_embedding_worker() -> None:
    """Have pending messages embedded soon."""
    _call(embed_pending, flag=WAKE_FLAG)


def wake_fact_worker(after: float = 0.0) -> None:
    """Have jobs that are due in `after` seconds worked off then; one call at a time, since each calls the next."""
    _call(work_off_jobs, flag=FACT_WAKE_FLAG, after=after)


def wake_operation_worker(after: float = 0.0) -> None:
    """Have long operations that are due in `after` seconds taken up then; as above."""
    _call(work_off_operations, flag=OPERATION_WAKE_FLAG, after=after)


def wake_job_workers() -> None:
    """Have jobs of whatever kind taken up soon."""
    wake_fact_worker()
    wake_operation_worker()


def wake_fact_embedder() -> None:
    """Have facts without a vector embedded soon."""
    _call(embed_missing_facts, flag=FACT_EMBED_FLAG)


def _call(task: "Task[..., None]", *, flag: str, after: float = 0.0) -> None:
    """Queue the task, `after` so many seconds. One call is enough for all that wait until a worker answers it.

    Without a broker nothing is lost: beat looks for what is due every so often.
    """
    try:
        if cache.add(flag, 1, timeout=WAKE_SECONDS + int(after)):
            task.apply_async(countdown=after)
    except (OperationalError, OSError) as error:
        log.warning("wake_up_not_sent", error=type(error).__name__)


@shared_task
def embed_pending() -> None:
    """Embed what is due, of models that are being filled last.

    After TURN_SECONDS the rest is left to a new task, so that other queues get their turn.
    """
    cache.delete(WAKE_FLAG)  # before the first row is read: a message stored from now on calls a worker again
    stop_at = time.monotonic() + TURN_SECONDS
    while _embed_due(until=stop_at):
        if time.monotonic() > stop_at:
            with forgotten():
                embed_pending.delay()
            return


def _embed_due(*, until: float) -> int:
    """Of each model that tenants are searched by or, where nothing of them is due, of each being filled; how many.

    What is stored while a model is being filled waits for FILLING_SECONDS at the most.
    """
    soon = min(until, time.monotonic() + FILLING_SECONDS)
    return _embed_of_each(embedding_models.all_serving(), until=until) or _embed_of_each(
        embedding_models.all_filling(), until=soon
    )


def _embed_of_each(keys: Sequence[str], *, until: float) -> int:
    """Each model has as much of the time as any other."""
    share = (until - time.monotonic()) / len(keys) if keys else 0.0
    return sum(
        embedding.embed_due(embedding_models.provider_or_absent(key), until=time.monotonic() + share) for key in keys
    )


@shared_task
def queue_missing() -> None:
    for key in embedding_models.all_serving():
        while filling.queue_missing(key):
            wake_embedding_worker()


@shared_task
def rescore_importance() -> None:
    """Have the scores of every tenant refreshed that have drifted: a job for each, so that none waits for another."""
    if upkeep.queue_rescoring(now=timezone.now()):
        wake_operation_worker()


@shared_task
def work_off_jobs() -> None:
    """Do the jobs that are due, for TURN_SECONDS; then call a worker for the rest, and for those due soon."""
    cache.delete(FACT_WAKE_FLAG)  # before the first row is read, as above
    stop_at = time.monotonic() + TURN_SECONDS
    while time.monotonic() < stop_at and fact_working.work_off(reader=reader(), provider_for=provider_for):
        pass
    wait = claims.seconds_until_next(fact_working.FLOWS.keys())
    if wait is not None and wait < SOON_SECONDS:
        with forgotten():
            wake_fact_worker(wait)


@shared_task
def work_off_operations() -> None:
    """Get on with the long operations that are due, for TURN_SECONDS; then call a worker for the rest, as above."""
    cache.delete(OPERATION_WAKE_FLAG)
    stop_at = time.monotonic() + TURN_SECONDS
    while time.monotonic() < stop_at and working.work_off(turn=Turn(until=stop_at)):
        wake_embedding_worker()  # some give it work
    wait = claims.seconds_until_next(OPERATIONS.keys())
    if wait is not None and wait < SOON_SECONDS:
        with forgotten():
            wake_operation_worker(wait)


@shared_task
def embed_missing_facts() -> None:
    cache.delete(FACT_EMBED_FLAG)  # before the first row is read, as above
    for key in embedding_models.all_serving():
        theirs = Fact.objects.filter(tenant__in=embedding_models.served_by(key))
        try:
            while store.embed_missing(theirs, provider=embedding_models.provider_or_absent(key)):
                pass
        except ProviderError as error:  # of this one: others may be well
            log.warning("facts_not_embedded", model=key, reason=str(error))


@shared_task
def choose_essentials(after: str = str(uuid.UUID(int=0))) -> None:
    """Choose the essential facts of some end users anew, and leave the others to the next task."""
    last = essentials.choose_after(uuid.UUID(after), now=timezone.now())
    if last:
        choose_essentials.delay(str(last))


@shared_task
def queue_consolidations() -> None:
    """Queue the consolidation of everybody of whom something new is known."""
    while consolidation.queue_stale():
        pass
    wake_fact_worker()


@shared_task
def forget_finished_jobs() -> None:
    claims.forget_finished(now=timezone.now())


@shared_task
def roll_up_usage() -> None:
    roll_up.roll_up(now=timezone.now())


@shared_task
def measure_tenants() -> None:
    sizes.measure(now=timezone.now())


@shared_task(soft_time_limit=3_300, time_limit=3_500)  # a million vectors take minutes
def keep_vector_indexes() -> None:
    for _ in vector_indexes.keep():
        pass
