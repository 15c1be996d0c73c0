"""Alive, healthy, ready: what is said when something is missing."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from memory_layer import health

GONE_REDIS = "redis://127.0.0.1:1/0"


def get(path: str) -> tuple[int, dict[str, Any]]:
    response = Client().get(path)
    return response.status_code, response.json()


@pytest.fixture
def no_database(django_db_blocker, monkeypatch):
    """`get` as a thread does it whose connection leads nowhere."""
    monkeypatch.setitem(connections.settings["default"], "HOST", "/nowhere")
    with django_db_blocker.unblock(), ThreadPoolExecutor(1) as pool:
        yield lambda path: pool.submit(get, path).result()


def test_livez_touches_nothing():
    response = Client().get("/livez")  # without the database fixture: a query would fail the test
    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_all_is_well():
    status, body = get("/v1/admin/health")
    assert status == 200
    assert body.keys() == {
        "status", "database", "timestamp", "latency_ms", "uptime_seconds", "environment", "version", "embedding",
        "notes",
    }  # fmt: skip
    assert (body["status"], body["database"], body["embedding"], body["notes"]) == ("ok", "ok", "not checked", [])
    assert (body["environment"], body["version"]) == ("test", health.VERSION)


@pytest.mark.django_db
def test_without_redis_it_is_degraded_but_up(settings):
    settings.REDIS_URL = GONE_REDIS
    status, body = get("/v1/admin/health")
    assert (status, body["status"], body["notes"]) == (200, "degraded", ["redis: failed (ConnectionError)"])


@pytest.mark.django_db
def test_where_there_is_no_redis_none_is_missed(settings):
    settings.REDIS_URL = None
    assert get("/v1/admin/health")[1]["status"] == "ok"


def test_without_its_database_it_is_down(no_database):
    status, body = no_database("/v1/admin/health")
    assert (status, body["status"], body["database"]) == (503, "down", "failed (OperationalError)")


def test_without_its_database_it_is_not_ready(no_database):
    status, body = no_database("/v1/admin/readiness")
    assert (status, body["ready"]) == (503, False)
    assert body["checks"]["database"] == body["checks"]["migrations"] == "failed (OperationalError)"


@pytest.mark.django_db
def test_it_is_ready():
    assert get("/v1/admin/readiness") == (
        200,
        {"ready": True, "checks": dict.fromkeys(["database", "migrations", "redis"], "ok")},
    )


@pytest.mark.django_db
def test_without_redis_it_is_not_ready(settings):
    settings.REDIS_URL = GONE_REDIS
    status, body = get("/v1/admin/readiness")
    assert (status, body["checks"]["redis"]) == (503, "failed (ConnectionError)")


@pytest.mark.django_db
def test_a_missing_migration_is_named():
    from django.db.migrations.recorder import MigrationRecorder

    MigrationRecorder.Migration.objects.filter(app="memories").delete()
    status, body = get("/v1/admin/readiness")
    assert (status, body["checks"]["migrations"]) == (503, "failed (RuntimeError)")


@pytest.mark.django_db
def test_the_provider_is_asked_where_that_is_enabled(settings):
    settings.MEMORY_HEALTH_EMBED_CHECK_ENABLED = True
    assert get("/v1/admin/health")[1]["embedding"] == "ok"
    assert get("/v1/admin/readiness")[1]["checks"]["embedding"] == "ok"


@pytest.mark.django_db
def test_a_provider_that_does_not_answer_is_named(settings):
    settings.MEMORY_HEALTH_EMBED_CHECK_ENABLED = True
    settings.MEMORY_EMBEDDING_PROVIDER = "openai"
    settings.MEMORY_OPENAI_API_KEY, settings.MEMORY_OPENAI_BASE_URL = "sk-test", "http://127.0.0.1:7/v1"
    settings.MEMORY_READINESS_EMBED_TIMEOUT_SECONDS = 20
    status, body = get("/v1/admin/readiness")
    assert (status, body["checks"]["embedding"]) == (503, "failed (ProviderUnavailable)")
    assert get("/v1/admin/health")[1]["status"] == "degraded"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/v1/admin/health", "/v1/admin/readiness"])
def test_a_wrong_key_is_not_looked_at(path):
    assert Client().get(path, headers={"X-API-Key": "wrong"}).status_code == 200


def test_a_failure_tells_its_kind_and_no_more():
    def fail() -> None:
        raise RuntimeError("postgres://user:password@host")

    assert health.attempt(fail) == "failed (RuntimeError)"
