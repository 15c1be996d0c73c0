"""What several tests of this room need: other threads, a provider with a will of its own, a look at the queue."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Barrier, Event
from typing import Any, cast
from urllib.parse import urlsplit

import redis
from celery import current_app as app
from django.conf import settings
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from memories import embedding
from memories.models import MessageEmbedding
from memories.providers.base import Vectors
from memories.providers.mock import MockProvider
from memories.search import Query, Result, search
from tenants.isolation import tenant_scope
from tenants.models import Tenant

DEADLINE = 20.0  # seconds that an event may take before the test gives up


class WillfulProvider(MockProvider):
    """The mock, which first hands the texts of each call to `before`: that may look around, wait or raise."""

    def __init__(self, before: Callable[[Sequence[str]], object]) -> None:
        super().__init__()
        self.before = before

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self.before(texts)
        return super().embed_documents(texts)


def raising(error: Exception) -> WillfulProvider:
    def fail(texts: Sequence[str]) -> None:
        raise error

    return WillfulProvider(fail)


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """What each action returns, all started together, each in a thread with a database connection of its own."""
    start = Barrier(len(actions))

    def run(action: Callable[[], Any]) -> Any:
        start.wait(DEADLINE)
        return with_own_connection(action)

    with ThreadPoolExecutor(len(actions)) as pool:
        return [one.result(DEADLINE) for one in [pool.submit(run, action) for action in actions]]


def with_own_connection(action: Callable[[], Any]) -> Any:
    try:
        return action()
    finally:
        connection.close()


@contextmanager
def while_embedding() -> Iterator[None]:
    """The body runs between a worker's claim of what is due and its attempt to save the vectors."""
    called, go_on = Event(), Event()

    def pause(texts: Sequence[str]) -> None:
        called.set()
        assert go_on.wait(DEADLINE)

    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(with_own_connection, lambda: embedding.embed_batch(WillfulProvider(pause)))
        try:
            assert called.wait(DEADLINE)
            yield
        finally:
            go_on.set()
        worker.result(DEADLINE)


def embed_all() -> None:
    while embedding.embed_batch(MockProvider()):
        pass


def searched(tenant: Tenant, query: Query, **options: Any) -> Result:
    """What a search finds, in the scope of the tenant, now and with the mock unless `options` say otherwise."""
    given: dict[str, Any] = {"provider": MockProvider(), "now": timezone.now()} | options
    return search(tenant, query, scope=partial(tenant_scope, tenant), **given)


def queue(*messages: Any, **state: Any) -> list[MessageEmbedding]:
    """Rows that say that the messages are to be embedded by the mock."""
    rows = [MessageEmbedding(tenant=one.tenant, message=one, model="mock:mock:64", **state) for one in messages]
    return MessageEmbedding.objects.bulk_create(rows)


def calls_waiting() -> int:
    """How many wake-ups wait for an embedding worker."""
    with redis_client() as client:
        return cast("int", client.llen("embed"))


def redis_client() -> redis.Redis:
    """The Redis of this test process: cache and broker in one."""
    return redis.Redis.from_url(str(settings.REDIS_URL))


@contextmanager
def without_redis() -> Iterator[None]:
    """Meanwhile neither the cache nor the broker answers."""
    nowhere = {"default": settings.CACHES["default"] | {"LOCATION": "unix:///nowhere/redis.sock?db=0"}}
    with override_settings(CACHES=nowhere), _broker("redis+socket:///nowhere/redis.sock"):
        yield


@contextmanager
def _broker(url: str) -> Iterator[None]:
    before = app.conf.broker_url
    try:
        _connect_to(url)
        yield
    finally:
        _connect_to(before)


def _connect_to(url: str) -> None:
    app.conf.update(broker_url=url)
    vars(app)["_pool"] = vars(app.amqp)["_producer_pool"] = None  # they remember the connection they were made for


def kill_in_the_middle(program: str) -> None:
    """Run it in a process of its own on this database; end that by SIGKILL once it says that it is in the middle."""
    database = connection.settings_dict
    url = urlsplit(settings.DATABASE_URL)._replace(netloc=f"{database['USER']}@", path=f"/{database['NAME']}").geturl()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "memory_layer.settings", "MEMORY_DATABASE_URL": url}
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout
        assert worker.stdout.readline() == "in the middle\n"
        worker.send_signal(signal.SIGKILL)
