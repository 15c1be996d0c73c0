"""How things stand, read from database, Redis and broker when somebody asks.

Each is given SECONDS; of one that does not answer nothing is said but that, and the rest comes all the same.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from memories.embedding_models import all_serving
from memories.models import Job, JobKind, JobStatus, MessageEmbedding
from memories.models.embedding import EmbeddingStatus
from memories.models.job import OPEN
from memory_layer.celery import app
from memory_layer.health import VERSION, ping_redis
from memory_layer.metrics.usage import of_tenants
from memory_layer.probes import Probe
from memory_layer.stack import QUEUES
from retention.models import Run
from tenants.isolation import across_tenants
from tenants.models import Tenant

if TYPE_CHECKING:
    from kombu import Connection

SECONDS = 2.0
log = structlog.get_logger(__name__)


class State(Collector):
    """See the module; each of `probes` answers with metrics, and its name says whether it did."""

    def __init__(self, probes: Sequence[Probe] | None = None) -> None:
        self._probes = probes or PROBES

    def collect(self) -> Iterable[Metric]:
        about = GaugeMetricFamily("memory_layer_info", "What runs here.", labels=["version", "environment"])
        about.add_metric([str(VERSION), settings.MEMORY_ENVIRONMENT], 1)
        yield about
        end = time.monotonic() + SECONDS
        for name, answer in [(probe.name, probe.asked()) for probe in self._probes]:
            yield from _answered(name, answer, end=end)


def _answered(name: str, answer: "Future[Any]", *, end: float) -> Iterable[Metric]:
    try:
        found = answer.result(max(0.0, end - time.monotonic()))
    except Exception as error:  # noqa: BLE001 - whatever is wrong, it is not up
        log.warning("metrics_incomplete", missing=name, error=type(error).__name__)
        return [_gauge(name, f"Whether it answered within {SECONDS:g} s.", 0)]
    return [_gauge(name, f"Whether it answered within {SECONDS:g} s.", 1), *found]


@across_tenants()
def rows() -> list[Metric]:
    """What the database knows."""
    _limit_statements()
    return [*_embeddings(), *_jobs(), *_counts(), *of_tenants(timezone.now().date())]


def _limit_statements() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {SECONDS * 1000:.0f}")


def _embeddings() -> Iterable[Metric]:
    current = MessageEmbedding.objects.filter(model__in=all_serving())
    waiting = current.unfinished().aggregate(count=Count("*"), since=Min("queued_at"))
    age = (timezone.now() - waiting["since"]).total_seconds() if waiting["since"] else 0.0
    failed = current.filter(status=EmbeddingStatus.FAILED).count()
    yield _gauge("embedding_backlog", "Messages that wait for their vector.", waiting["count"])
    yield _gauge("embedding_oldest_pending_seconds", "How long the first of them has been waiting.", max(0.0, age))
    yield _gauge("embedding_failed", "Messages whose embedding was given up.", failed)


def _jobs() -> Iterable[Metric]:
    kinds = Job.objects.order_by().values_list("kind")
    for name, text, jobs in (
        ("jobs_open", "Long operations that are queued or at work.", kinds.filter(status__in=OPEN)),
        ("jobs_failed", "Long operations that were given up.", kinds.filter(status=JobStatus.FAILED)),
    ):
        counts = dict.fromkeys(JobKind.values, 0) | dict(jobs.annotate(count=Count("*")))
        yield _gauges(name, text, "kind", counts)


def _counts() -> Iterable[Metric]:
    yield _gauge("retention_runs_running", "Runs that are carried out.", Run.objects.running().count())
    yield _gauge("tenants_total", "Tenants.", Tenant.objects.count())


def queues() -> list[Metric]:
    """What waits at the broker."""
    with app.connection_for_read() as link:
        lengths = {name: _length(link, name) for name in QUEUES.split(",")}
    return [_gauges("celery_queue_length", "Tasks that no worker has taken up.", "queue", lengths)]


def _length(link: "Connection", queue: str) -> int:
    channel: Any
    with link.channel() as channel:  # of its own: a broker closes one on which an unknown queue was asked for
        try:
            return int(channel.queue_declare(queue, passive=True).message_count)
        except link.channel_errors:
            return 0  # nobody has sent or read in it yet


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def redis() -> list[Metric]:
    """Whether it answers is all there is to know."""
    ping_redis()
    return []


PROBES = (Probe("database_up", rows), Probe("redis_up", redis), Probe("broker_up", queues))
