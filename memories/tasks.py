"""Every Celery task of this room: ids in, one flow called, done. Any of them may be lost or run twice without harm."""

import time

import structlog
from celery import shared_task
from django.core.cache import cache
from django.utils import timezone
from kombu.exceptions import OperationalError

from memories import embedding
from memories.providers import embedding_provider
from memories.providers.base import model_key

WAKE_FLAG = "embedding-worker-is-called"
WAKE_SECONDS = 10
TURN_SECONDS = 5.0

log = structlog.get_logger(__name__)


def wake_embedding_worker() -> None:
    """Have pending messages embedded soon. One call is enough for all that wait until a worker answers it.

    Without a broker nothing is lost: beat looks for pending rows every few seconds.
    """
    try:
        if cache.add(WAKE_FLAG, 1, timeout=WAKE_SECONDS):
            embed_pending.delay()
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
