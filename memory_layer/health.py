"""Is it alive, is it healthy, may it be sent requests?"""

import time
from datetime import timedelta
from typing import Any

import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from memories.embedding_models import all_serving
from memories.models import MessageEmbedding
from memories.providers import embedding_provider
from memory_layer import probes
from memory_layer.probes import OK, NotReady, Probe
from tenants.isolation import across_tenants

STARTED = time.monotonic()
VERSION = settings.SPECTACULAR_SETTINGS["VERSION"]
SECONDS = 3.0
BEHIND, SILENT = timedelta(minutes=2), timedelta(minutes=10)
NOT_CHECKED = "not checked"


class HealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["ok", "degraded", "down"])
    database = serializers.CharField()
    timestamp = serializers.DateTimeField()
    latency_ms = serializers.FloatField()
    uptime_seconds = serializers.FloatField()
    environment = serializers.CharField()
    version = serializers.CharField()
    embedding = serializers.CharField()
    notes = serializers.ListField(child=serializers.CharField())


class ReadinessSerializer(serializers.Serializer[Any]):
    ready = serializers.BooleanField()
    checks = serializers.DictField(child=serializers.CharField(), help_text='"ok", or what is wrong')


class OpenView(APIView):
    """No key is needed: whoever watches the service has none."""

    authentication_classes = ()
    permission_classes = ()


@extend_schema(tags=["Administration"], auth=[])
class HealthView(OpenView):
    @extend_schema(responses={200: HealthSerializer, 503: HealthSerializer})
    def get(self, request: Request) -> Response:
        """`degraded` while something is missing that the service can do without; 503 when the database is down."""
        started = time.perf_counter()
        found = probes.ask([DATABASE, REDIS, WORKER, BEAT], seconds=SECONDS)
        database, embedding = found["database"], _embedding()
        missing = found | {"embedding": embedding} if database == OK else {}
        notes = [f"{name}: {said}" for name, said in missing.items() if said not in (OK, NOT_CHECKED)]
        state = "down" if database != OK else "degraded" if notes else "ok"
        body = {
            "status": state,
            "database": database,
            "timestamp": timezone.now(),
            "latency_ms": round((time.perf_counter() - started) * 1000, 2),
            "uptime_seconds": round(time.monotonic() - STARTED, 1),
            "environment": settings.MEMORY_ENVIRONMENT,
            "version": VERSION,
            "embedding": embedding,
            "notes": notes,
        }
        return Response(HealthSerializer(body).data, status=503 if state == "down" else 200)


@extend_schema(tags=["Administration"], auth=[])
class ReadinessView(OpenView):
    @extend_schema(responses={200: ReadinessSerializer, 503: ReadinessSerializer})
    def get(self, request: Request) -> Response:
        """Names what is not ready: database, migrations, Redis and, if enabled, the embedding provider."""
        checks = probes.ask([DATABASE, MIGRATIONS, REDIS], seconds=SECONDS)
        if settings.MEMORY_HEALTH_EMBED_CHECK_ENABLED:
            checks["embedding"] = _embedding()
        ready = all(state == OK for state in checks.values())
        return Response(
            {"ready": ready, "checks": checks}, status=200 if ready else status.HTTP_503_SERVICE_UNAVAILABLE
        )


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _look_for_migrations() -> None:
    executor = MigrationExecutor(connection)
    if missing := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotReady(f"{len(missing)} are missing; run manage.py migrate")


def ping_redis() -> None:
    if settings.REDIS_URL:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            client.ping()


@across_tenants()
def _look_at_queue() -> None:
    due = (MessageEmbedding.objects.due(model=key).order_by("due_at") for key in all_serving())
    oldest = min(filter(None, (rows.values_list("due_at", flat=True).first() for rows in due)), default=None)
    if oldest and timezone.now() - oldest > BEHIND:
        waits = (timezone.now() - oldest).total_seconds()
        raise NotReady(f"a message has been due for {waits:.0f} s; is a worker of the queue embed running, and enough?")


def _look_at_schedule() -> None:
    """Something is due every ten seconds; what has run is written down every three minutes."""
    last = PeriodicTask.objects.aggregate(last=Max("last_run_at"))["last"]
    if last and timezone.now() - last > SILENT:
        raise NotReady(f"nothing was started since {last:%Y-%m-%d %H:%M} UTC; is beat running?")


DATABASE = Probe("database", _ask_database, "see MEMORY_DATABASE_URL and the database's log")
MIGRATIONS = Probe("migrations", _look_for_migrations, "the database did not tell")
REDIS = Probe("redis", ping_redis, "see MEMORY_REDIS_URL and Redis's log")
WORKER = Probe("worker", _look_at_queue)
BEAT = Probe("beat", _look_at_schedule)
EMBEDDING = Probe("embedding", lambda: embedding_provider().embed_query("ready?"), "see the log and MEMORY_EMBEDDING_*")


def _embedding() -> str:
    """Asks the provider for a vector within MEMORY_READINESS_EMBED_TIMEOUT_SECONDS, where that is enabled."""
    if not settings.MEMORY_HEALTH_EMBED_CHECK_ENABLED:
        return NOT_CHECKED
    return probes.ask([EMBEDDING], seconds=settings.MEMORY_READINESS_EMBED_TIMEOUT_SECONDS)["embedding"]
