"""Every Celery task of this room: ids in, one flow called, done. Any of them may be lost or run twice without harm."""

import time
import uuid

import structlog
from celery import Task, shared_task
from django.core.cache import cache
from django.utils import timezone
from kombu.exceptions import OperationalError

from memories import embedding
from memories.facts import consolidation, essentials, jobs, store, working
from memories.facts.reading import reader
from memories.providers import embedding_provider
from memories.providers.base import model_key

WAKE_FLAG = "embedding-worker-is-called"
FACT_WAKE_FLAG = "fact-worker-is-called"
FACT_EMBED_FLAG = "fact-embedder-is-called"
WAKE_SECONDS = 10
TURN_SECONDS = 5.0
SOON_SECONDS = 10.0  # beyond, beat looks in time

log = structlog.get_logger(__name__)


def wake_embedding_worker() -> None:
    """Have pending messages embedded soon."""
    _call(embed_pending, flag=WAKE_FLAG)


def wake_fact_worker(after: float = 0.0) -> None:
    """Have jobs that are due in `after` seconds worked off then; one call at a time, since each calls the next."""
    _call(work_off_jobs, flag=FACT_WAKE_FLAG, after=after)


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
    """Embed what is due. After TURN_SECONDS the rest is left to a new task, so that other queues get their turn."""
    cache.delete(WAKE_FLAG)  # before the first row is read: a message stored from now on calls a worker again
    stop_at = time.monotonic() + TURN_SECONDS
    while embedding.embed_batch(embedding_provider()):
        if time.monotonic() > stop_at:
            embed_pending.delay()
            return


@shared_task
def queue_missing() -> None:
    while embedding.queue_missing(model_key(embedding_provider())):
        wake_embedding_worker()


@shared_task
def rescore_importance() -> None:
    embedding.rescore(now=timezone.now())


@shared_task
def work_off_jobs() -> None:
    """Do the jobs that are due, for TURN_SECONDS; then call a worker for the rest, and for those due soon."""
    cache.delete(FACT_WAKE_FLAG)  # before the first row is read, as above
    stop_at = time.monotonic() + TURN_SECONDS
    while time.monotonic() < stop_at and working.work_off(reader=reader(), provider=embedding_provider()):
        pass
    wait = jobs.seconds_until_next()
    if wait is not None and wait < SOON_SECONDS:
        wake_fact_worker(wait)


@shared_task
def embed_missing_facts() -> None:
    cache.delete(FACT_EMBED_FLAG)  # before the first row is read, as above
    while store.embed_missing(provider=embedding_provider()):
        pass


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
    jobs.forget_finished(now=timezone.now())
