"""The task that gets on with long operations."""

from typing import cast

import pytest

from memories import tasks
from memories.jobs import working
from memories.models import Job
from memories.tests.helpers import redis_client, without_redis
from memories.tests.jobs.operations import KIND, counting, counting_job
from memories.tests.test_tasks import a_worker
from tenants.tests.plain_login import plain_login


def calls_waiting() -> int:
    with redis_client() as client:
        return cast("int", client.llen("maintenance"))


@pytest.fixture(autouse=True)
def _counts(monkeypatch) -> None:
    monkeypatch.setitem(working.OPERATIONS, KIND, counting())


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_a_job_turn_by_turn(tenant, monkeypatch) -> None:
    monkeypatch.setattr(tasks, "TURN_SECONDS", 0.001)
    job = counting_job(tenant, numbers=5)
    with a_worker() as until:
        until(Job.objects.filter(status="succeeded").exists)
    job.refresh_from_db()
    assert (job.done, job.result) == (5, {"counted": 5})


@pytest.mark.django_db
def test_after_its_turn_it_calls_a_worker_for_the_rest(tenant, monkeypatch) -> None:
    monkeypatch.setattr(tasks, "TURN_SECONDS", 0.0)
    counting_job(tenant)
    with plain_login():
        tasks.work_off_operations()
    assert (Job.objects.get().status, calls_waiting()) == ("queued", 1)


@pytest.mark.django_db
def test_with_nothing_to_do_it_calls_nobody() -> None:
    tasks.work_off_operations()
    assert calls_waiting() == 0


@pytest.mark.django_db
def test_one_call_waits_until_a_worker_answers() -> None:
    for _ in range(3):
        tasks.wake_operation_worker()
    assert calls_waiting() == 1
    tasks.work_off_operations()
    tasks.wake_operation_worker()
    assert calls_waiting() == 2


def test_a_call_without_redis_is_no_error() -> None:
    with without_redis():
        tasks.wake_job_workers()
    assert calls_waiting() == 0
