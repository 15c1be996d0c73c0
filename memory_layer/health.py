"""Is it alive, is it healthy, may it be sent requests?"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from memories.providers import embedding_provider

STARTED = time.monotonic()
VERSION = settings.SPECTACULAR_SETTINGS["VERSION"]


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
        database, cache, embedding = attempt(_database), attempt(_redis), _embedding()
        missing = {"redis": cache, "embedding": embedding}
        notes = [f"{name}: {state}" for name, state in missing.items() if state not in ("ok", "not checked")]
        state = "down" if database != "ok" else "degraded" if notes else "ok"
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
        checks = {"database": attempt(_database), "migrations": attempt(_migrations), "redis": attempt(_redis)}
        if settings.MEMORY_HEALTH_EMBED_CHECK_ENABLED:
            checks["embedding"] = _embedding()
        ready = all(state == "ok" for state in checks.values())
        return Response(
            {"ready": ready, "checks": checks}, status=200 if ready else status.HTTP_503_SERVICE_UNAVAILABLE
        )


def attempt(check: Callable[[], None]) -> str:
    """ "ok", or the kind of the failure: its text may name hosts and users, which are nobody's business here."""
    try:
        check()
    except Exception as error:  # noqa: BLE001 - whatever is wrong is the answer
        return f"failed ({type(error).__name__})"
    return "ok"


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _migrations() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise RuntimeError("unapplied migrations")


def _redis() -> None:
    if settings.REDIS_URL:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            client.ping()


def _embedding() -> str:
    """Asks the provider for a vector within MEMORY_READINESS_EMBED_TIMEOUT_SECONDS, where that is enabled."""
    if not settings.MEMORY_HEALTH_EMBED_CHECK_ENABLED:
        return "not checked"
    pool = ThreadPoolExecutor(1)
    future = pool.submit(lambda: embedding_provider().embed_query("ready?"))
    pool.shutdown(wait=False)
    return attempt(lambda: _wait(future))


def _wait(future: Future[Any]) -> None:
    future.result(settings.MEMORY_READINESS_EMBED_TIMEOUT_SECONDS)
