from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Any, cast

import pytest
from celery import current_app as app
from celery.contrib.testing.worker import TestWorkController, start_worker
from celery.signals import task_postrun, worker_ready
from django.conf import settings as django_settings
from django.core.cache import cache

from memories import embedding, tasks
from memories.ingest import NewMessage, store
from memories.models import FactVector, Message, MessageEmbedding
from memories.tests.factories import ConversationFactory, FactFactory, MessageFactory
from memories.tests.helpers import DEADLINE, calls_waiting, queue, redis_client, without_redis
from tenants.models import Tenant
from tenants.tests.factories import EndUserFactory, TenantFactory


class ReadyWorker(TestWorkController):
    """Says that it is ready, as a worker of the command line does."""

    def on_consumer_ready(self, consumer: Any) -> None:
        super().on_consumer_ready(consumer)
        worker_ready.send(sender=consumer)


@contextmanager
def a_worker() -> Iterator[Callable[[Callable[[], bool]], None]]:
    """A real Celery worker on the embedded Redis; yields `until(condition)`, which asks again after each task."""
    finished = Condition()

    def note(**_: Any) -> None:
        with finished:
            finished.notify_all()

    def until(condition: Callable[[], bool]) -> None:
        with finished:
            assert finished.wait_for(condition, DEADLINE)

    task_postrun.connect(note)
    try:
        with start_worker(
            app, WorkController=ReadyWorker, queues=["embed", "extract", "maintenance"], perform_ping_check=False
        ):
            yield until
    finally:
        task_postrun.disconnect(note)


def all_completed() -> bool:
    return set(MessageEmbedding.objects.values_list("status", flat=True)) == {"completed"}


@pytest.mark.django_db(transaction=True)
def test_a_worker_embeds_what_is_stored(tenant) -> None:
    with a_worker() as until:
        store(tenant, [NewMessage("c1", "user", f"turn {n}") for n in range(embedding.BATCH + 1)])
        until(all_completed)
    assert not Message.objects.filter(windows=None).exists()


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_starts_takes_up_what_was_left() -> None:
    """Nobody calls it: the row is all there is, as after a crash of the broker."""
    queue(MessageFactory.create())
    with a_worker() as until:
        until(all_completed)


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_what_beat_asks_for() -> None:
    MessageFactory.create(stored_importance=0.1)
    with a_worker() as until:
        tasks.queue_missing.delay()
        tasks.rescore_importance.delay()
        until(all_completed)
        until(Message.objects.filter(stored_importance__gt=0.8).exists)


@pytest.mark.parametrize("entry", django_settings.CELERY_BEAT_SCHEDULE.values(), ids=lambda entry: entry["task"])
def test_what_beat_calls_exists(entry: dict[str, Any]) -> None:
    app.loader.import_default_modules()
    assert entry["task"] in app.tasks


def test_routes_name_tasks_that_exist() -> None:
    app.loader.import_default_modules()
    assert set(django_settings.CELERY_TASK_ROUTES) <= set(app.tasks)


@pytest.mark.django_db
def test_one_call_waits_until_a_worker_answers() -> None:
    for _ in range(3):
        tasks.wake_embedding_worker()
    assert calls_waiting() == 1
    tasks.embed_pending()
    tasks.wake_embedding_worker()
    assert calls_waiting() == 2


def test_a_call_that_is_lost_is_repeated_soon() -> None:
    tasks.wake_embedding_worker()
    with redis_client() as client:
        assert 0 < cast("int", client.ttl(cache.make_key(tasks.WAKE_FLAG))) <= tasks.WAKE_SECONDS


@pytest.mark.parametrize("wake", [tasks.wake_embedding_worker, tasks.wake_fact_worker, tasks.wake_fact_embedder])
def test_a_call_without_redis_is_no_error(wake: Callable[[], None]) -> None:
    with without_redis():
        wake()
    assert calls_waiting() == 0


@pytest.mark.django_db
def test_facts_without_a_vector_are_embedded_by_one_call() -> None:
    fact = FactFactory.create()
    for _ in range(2):
        tasks.wake_fact_embedder()
    assert calls_waiting() == 1
    tasks.embed_missing_facts()
    assert FactVector.objects.get().fact == fact
    tasks.wake_fact_embedder()
    assert calls_waiting() == 2


@pytest.mark.django_db
def test_models_that_are_being_filled_come_last(tenant, monkeypatch) -> None:
    monkeypatch.setattr(tasks, "TURN_SECONDS", 0.0)
    Tenant.objects.filter(pk=tenant.pk).update(next_embedding_model="mock:mock:32")
    other = TenantFactory.create(embedding_model="mock:mock:16")
    for one in (tenant, other):
        store(one, [NewMessage("c1", "user", "a cat")])
    done = MessageEmbedding.objects.filter(status="completed").values_list("model", flat=True)
    tasks.embed_pending()
    assert set(done.all()) == {"mock:mock:64", "mock:mock:16"}
    tasks.embed_pending()
    assert set(done.all()) == {"mock:mock:64", "mock:mock:16", "mock:mock:32"}


@pytest.mark.django_db
def test_a_model_that_cannot_be_had_keeps_no_other_from_its_work(tenant, settings) -> None:
    settings.MEMORY_OPENAI_API_KEY = settings.MEMORY_OPENAI_BASE_URL = None
    lost = TenantFactory.create(embedding_model="openai:text-embedding-3-small:1536")
    for one in (lost, tenant):
        store(one, [NewMessage("c1", "user", "a cat")])
    FactFactory.create(end_user=EndUserFactory.create(tenant=lost))
    FactFactory.create(end_user=EndUserFactory.create(tenant=tenant))
    tasks.embed_pending()
    tasks.embed_missing_facts()
    states = dict(MessageEmbedding.objects.values_list("tenant", "status"))
    assert states == {tenant.pk: "completed", lost.pk: "pending"}
    assert "MEMORY_OPENAI_API_KEY" in MessageEmbedding.objects.get(tenant=lost).error
    assert FactVector.objects.get().tenant == tenant


@pytest.mark.django_db
def test_after_its_turn_a_worker_leaves_the_rest_to_a_new_task(monkeypatch) -> None:
    monkeypatch.setattr(tasks, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(embedding, "BATCH", 2)
    conversation = ConversationFactory.create()
    queue(*[MessageFactory.create(conversation=conversation) for _ in range(3)])
    tasks.embed_pending()
    assert MessageEmbedding.objects.filter(status="completed").count() == 2
    assert calls_waiting() == 1


@pytest.mark.django_db
def test_nothing_missing_calls_nobody() -> None:
    tasks.queue_missing()
    assert calls_waiting() == 0
    MessageFactory.create()
    tasks.queue_missing()
    assert calls_waiting() == 1
