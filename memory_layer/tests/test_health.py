"""Alive, healthy, ready: what is said when something is missing."""

import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from memories.models import MessageEmbedding
from memories.providers import embedding_provider
from memories.providers.base import model_key
from memories.tests.factories import MessageFactory
from memory_layer import health, probes
from memory_layer.health import DATABASE, REDIS
from memory_layer.probes import Probe

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
    assert (status, body["status"], body["notes"]) == (
        200,
        "degraded",
        [f"redis: failed (ConnectionError); {REDIS.advice}"],
    )


@pytest.mark.django_db
def test_where_there_is_no_redis_none_is_missed(settings):
    settings.REDIS_URL = None
    assert get("/v1/admin/health")[1]["status"] == "ok"


def test_without_its_database_it_is_down(no_database):
    status, body = no_database("/v1/admin/health")
    assert (status, body["status"], body["database"]) == (503, "down", f"failed (OperationalError); {DATABASE.advice}")


def test_without_its_database_it_is_not_ready(no_database):
    status, body = no_database("/v1/admin/readiness")
    assert (status, body["ready"]) == (503, False)
    assert body["checks"]["database"] == f"failed (OperationalError); {DATABASE.advice}"
    assert body["checks"]["migrations"].startswith("failed (OperationalError)")


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
    assert (status, body["checks"]["redis"]) == (503, f"failed (ConnectionError); {REDIS.advice}")


@pytest.mark.django_db
def test_a_missing_migration_is_named(monkeypatch):
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda *_: ["one", "another"])
    status, body = get("/v1/admin/readiness")
    assert (status, body["checks"]["migrations"]) == (503, "2 are missing; run manage.py migrate")


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
    assert status == 503
    assert body["checks"]["embedding"].startswith("failed (ProviderUnavailable); ")
    assert get("/v1/admin/health")[1]["status"] == "degraded"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/v1/admin/health", "/v1/admin/readiness"])
def test_a_wrong_key_is_not_looked_at(path):
    assert Client().get(path, headers={"X-API-Key": "wrong"}).status_code == 200


# --- Work that is not done: notes ---------------------------------------------------------------------------------


@pytest.fixture
def committed(transactional_db):
    """What is looked at in another thread has to be committed."""


def queue(*, ago: timedelta, status: str = "pending") -> None:
    message: Any = MessageFactory()
    model = model_key(embedding_provider())
    MessageEmbedding.objects.create(
        tenant=message.tenant, message=message, model=model, status=status, due_at=timezone.now() - ago
    )


def test_a_backlog_that_no_worker_takes_up_is_a_note(committed):
    queue(ago=timedelta(minutes=5))
    status, body = get("/v1/admin/health")
    assert (status, body["status"]) == (200, "degraded")
    assert re.fullmatch(r"worker: a message has been due for 30\d s; is a worker .*", body["notes"][0])


def test_what_is_not_due_is_no_backlog(committed):
    queue(ago=timedelta(minutes=-5))
    queue(ago=timedelta(days=1), status="completed")
    assert get("/v1/admin/health")[1]["status"] == "ok"


@pytest.mark.parametrize(("minutes", "notes"), [(9, 0), (11, 1)])
def test_a_schedule_that_stands_still_is_a_note(committed, minutes, notes):
    last = timezone.now() - timedelta(minutes=minutes)
    every = IntervalSchedule.objects.create(every=10, period="seconds")
    PeriodicTask.objects.create(name="one", task="one", interval=every, last_run_at=last)
    assert len([one for one in get("/v1/admin/health")[1]["notes"] if one.startswith("beat: ")]) == notes


# --- Servers that hang --------------------------------------------------------------------------------------------


@pytest.fixture
def hanging():
    """Asks what does not return before the test does."""
    end = threading.Event()
    yield lambda: end.wait(60)
    end.set()


def test_what_hangs_is_not_waited_for(hanging):
    assert probes.ask([Probe("one", hanging, "look")], seconds=0.01) == {"one": "no answer within 0.01 s; look"}


def test_however_many_ask_only_one_thread_hangs(hanging):
    probe = Probe("one", hanging)
    before = threading.active_count()
    for _ in range(5):
        probes.ask([probe], seconds=0.001)
    assert threading.active_count() <= before + 1


def test_a_probe_is_asked_again_when_it_has_answered():
    asked: list[int] = []
    probe = Probe("one", lambda: asked.append(1))
    for _ in range(2):
        assert probes.ask([probe], seconds=5) == {"one": "ok"}
    assert len(asked) == 2


@pytest.mark.django_db
def test_a_redis_that_takes_calls_and_says_nothing_is_named(settings):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings.REDIS_URL = f"redis://127.0.0.1:{mute.getsockname()[1]}/0"
        status, body = get("/v1/admin/readiness")
    assert (status, body["checks"]["redis"]) == (503, f"failed (TimeoutError); {REDIS.advice}")


def test_a_database_that_takes_calls_and_says_nothing_is_named(django_db_blocker, monkeypatch):
    monkeypatch.setattr(health, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute, django_db_blocker.unblock():
        monkeypatch.setitem(connections.settings["default"], "HOST", "127.0.0.1")
        monkeypatch.setitem(connections.settings["default"], "PORT", str(mute.getsockname()[1]))
        with ThreadPoolExecutor(1) as pool:
            status, body = pool.submit(get, "/v1/admin/health").result()
    assert (status, body["status"], body["notes"]) == (503, "down", [])
    assert body["database"] == f"no answer within 0.2 s; {DATABASE.advice}"


def test_a_failure_tells_its_kind_and_no_more():
    def fail() -> None:
        raise RuntimeError("postgres://user:password@host")

    assert probes.ask([Probe("one", fail)], seconds=5) == {"one": "failed (RuntimeError)"}
