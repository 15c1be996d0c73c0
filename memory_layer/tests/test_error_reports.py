"""Reports of errors: that they come, from views and tasks, and what is not in them."""

import json
import os
import subprocess
from typing import Any

import pytest
from django.conf import settings

from memory_layer.supervisor import python
from memory_layer.tests.collector import Receiver, receiver

# A process of its own, for the SDK patches what it watches: a view and a task that fail over what a person wrote.
SCRIPT = """
import django
django.setup()
from celery import shared_task
from celery.app.trace import build_tracer
from django.test import Client, override_settings
from django.urls import path
from rest_framework.views import APIView
from django_structlog.celery.receivers import CeleryReceiver
from memory_layer import urls
from memory_layer.celery import app

class Failing(APIView):
    authentication_classes = permission_classes = ()
    def post(self, request, name):
        local = request.data["content"]
        raise ValueError("cannot read " + local)

receivers = CeleryReceiver()
receivers.connect_worker_signals()
urlpatterns = [*urls.urlpatterns, path("v1/failing/<str:name>", Failing.as_view())]

@shared_task(name="failing")
def failing(text):
    raise KeyError(text)

with override_settings(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"]):
    client = Client(raise_request_exception=False, headers={
        "X-API-Key": "KEY-secret", "Authorization": "Bearer KEY-secret", "Cookie": "sessionid=COOKIE-secret",
        "X-Request-ID": "the-request", "X-Forwarded-For": "198.51.100.7",
    })
    client.post("/v1/failing/maya?query=QUERY-secret", {"content": "BODY-secret"}, content_type="application/json")
    client.get("/v1/failing/maya")
    client.get("/v1/nowhere")
task = app.tasks["failing"]
build_tracer("failing", task, app=app)("the-task", ["ARGUMENT-secret"], {}, {"id": "the-task"})
"""


def run(dsn: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "memory_layer.settings",
        "MEMORY_DATABASE_URL": "postgresql://unused/unused",
        "MEMORY_REDIS_URL": "redis://127.0.0.1:1",
        "MEMORY_ENVIRONMENT": "test",
        "MEMORY_GLOBAL_RATE_LIMIT": "0",
        "MEMORY_SENTRY_DSN": dsn,
        "MEMORY_LOG_FORMAT": "json",
    }
    return subprocess.run(
        python("-c", SCRIPT), env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=120
    )


def reports(sentry: Receiver) -> list[dict[str, Any]]:
    """The events of the envelopes that came: a header and an item's, each a line, then the event."""
    envelopes = [body.decode().splitlines() for body in sentry.bodies]
    return [json.loads(lines[2]) for lines in envelopes if json.loads(lines[1])["type"] == "event"]


@pytest.fixture(scope="module")
def sent():
    with receiver() as sentry:
        ended = run(f"http://public@{sentry.address}/1")
        assert ended.returncode == 0, ended.stderr
        return sentry


@pytest.fixture(scope="module")
def of_view(sent) -> dict[str, Any]:
    return next(one for one in reports(sent) if one["exception"]["values"][-1]["type"] == "ValueError")


@pytest.fixture(scope="module")
def of_task(sent) -> dict[str, Any]:
    return next(one for one in reports(sent) if one["exception"]["values"][-1]["type"] == "KeyError")


def test_an_error_in_a_view_is_reported_under_its_route(of_view) -> None:
    assert of_view["transaction"] == "/v1/failing/{name}"
    assert of_view["tags"]["request_id"] == "the-request"
    assert (of_view["environment"], of_view["release"].partition("@")[0]) == ("test", "memory-layer")


def test_it_says_where_it_was_raised(of_view) -> None:
    frames = of_view["exception"]["values"][-1]["stacktrace"]["frames"]
    assert frames[-1]["function"] == "post"
    assert not any("vars" in frame for frame in frames)


def test_an_error_in_a_task_is_reported_under_its_name(of_task) -> None:
    assert of_task["transaction"] == "failing"
    assert of_task["tags"] == {"task": "failing", "task_id": "the-task"}


def test_what_the_caller_did_wrong_is_not_reported(sent) -> None:
    assert len(reports(sent)) == 2


@pytest.mark.parametrize("secret", ["-secret", "maya", "198.51.100.7"])
def test_nothing_that_a_person_wrote_or_owns_is_in_it(sent, secret) -> None:
    assert sent.bodies
    assert not any(secret.encode() in body for body in sent.bodies)


def test_without_a_dsn_nothing_of_it_is_imported() -> None:
    script = "import django, sys; django.setup(); sys.exit(bool({'sentry_sdk', 'memory_layer.spans'} & {*sys.modules}))"
    environment = {
        **os.environ,
        "MEMORY_DATABASE_URL": "postgresql://unused/unused",
        "MEMORY_REDIS_URL": "redis://unused",
    }
    assert subprocess.run(python("-c", script), env=environment, cwd=settings.BASE_DIR, timeout=60).returncode == 0
