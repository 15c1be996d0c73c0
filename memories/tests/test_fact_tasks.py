from datetime import timedelta
from typing import cast

import pytest
from django.utils import timezone

from memories import tasks
from memories.jobs import claims
from memories.models import Fact, FactVector, Job, Reading
from memories.tests.factories import FactFactory, JobFactory
from memories.tests.facts.flows import current, ingest, work_off_all
from memories.tests.helpers import redis_client, without_redis
from memories.tests.test_tasks import a_worker
from tenants.tests.factories import EndUserFactory


def calls_waiting(queue: str = "extract") -> int:
    """How many tasks wait in a queue."""
    with redis_client() as client:
        return cast("int", client.llen(queue))


@pytest.fixture
def user(tenant):
    return EndUserFactory.create(tenant=tenant)


@pytest.mark.django_db(transaction=True)
def test_a_worker_makes_facts_of_what_is_ingested(user, settings):
    settings.MEMORY_EXTRACTION_DEBOUNCE_SECONDS = 0
    with a_worker() as until:
        ingest(user, "I live in Austin, Texas now.")
        until(Fact.objects.exists)
    assert current(user) == ["Lives in Austin, Texas."]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_starts_takes_up_jobs_that_were_left(user):
    ingest(user, "I live in Austin, Texas now.")
    with redis_client() as client:
        client.flushdb()
    Job.objects.update(due_at=timezone.now())
    with a_worker() as until:
        until(Fact.objects.exists)


@pytest.mark.django_db
def test_one_call_serves_all_turns_until_a_worker_answers():
    for _ in range(3):
        tasks.wake_fact_worker()
    assert calls_waiting() == 1
    tasks.work_off_jobs()
    tasks.wake_fact_worker()
    assert calls_waiting() == 2


def test_a_call_without_redis_is_no_error():
    with without_redis():
        tasks.wake_fact_worker()
    assert calls_waiting() == 0


@pytest.mark.django_db
def test_a_job_that_is_due_soon_has_a_worker_called_for_then(user):
    job = ingest(user, "I live in Austin.").job
    tasks.work_off_jobs()
    job.refresh_from_db()
    assert (job.status, calls_waiting()) == ("queued", 1)


@pytest.mark.django_db
@pytest.mark.parametrize("due_in", [None, timedelta(hours=1)])
def test_nobody_is_called_for_what_is_far_away(user, due_in):
    if due_in:
        JobFactory.create(end_user=user, due_at=timezone.now() + due_in)
    tasks.work_off_jobs()
    assert calls_waiting() == 0


@pytest.mark.django_db
def test_after_its_turn_a_worker_leaves_the_rest_to_a_new_task(user, monkeypatch):
    monkeypatch.setattr(tasks, "TURN_SECONDS", 0.0)
    JobFactory.create(end_user=user)
    tasks.work_off_jobs()
    assert (Job.objects.get().status, calls_waiting()) == ("queued", 1)


@pytest.mark.django_db
def test_facts_without_a_vector_get_one():
    FactFactory.create_batch(3)
    tasks.embed_missing_facts()
    assert FactVector.objects.count() == 3


@pytest.mark.django_db
def test_choosing_essentials_goes_on_in_a_new_task():
    FactFactory.create()
    tasks.choose_essentials()
    assert Fact.objects.filter(is_essential=True).exists()
    assert calls_waiting("maintenance") == 1


@pytest.mark.django_db
def test_choosing_essentials_ends():
    tasks.choose_essentials()
    assert calls_waiting("maintenance") == 0


@pytest.mark.django_db
def test_the_week_queues_everybody_of_whom_something_is_new():
    FactFactory.create()
    tasks.queue_consolidations()
    assert (Job.objects.get().kind, calls_waiting()) == ("consolidate", 1)


@pytest.mark.django_db
def test_jobs_are_forgotten_a_while_after_they_succeeded_and_what_they_read_stays_read(user):
    ingest(user, "I live in Austin.")
    work_off_all()
    tasks.forget_finished_jobs()
    assert Job.objects.exists()
    Job.objects.update(finished_at=timezone.now() - claims.KEPT_FOR)
    JobFactory.create(end_user=user, status="failed", finished_at=timezone.now() - 2 * claims.KEPT_FOR)
    tasks.forget_finished_jobs()
    assert Job.objects.get().status == "failed"
    assert Reading.objects.get().job is None
