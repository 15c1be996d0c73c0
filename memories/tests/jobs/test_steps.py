"""Operations go step by step, and go on where they were, whatever ended them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from memories.jobs import claims
from memories.jobs.working import Turn
from memories.models import Job
from memories.providers.base import ProviderUnavailable, UnusableAnswer
from memories.providers.resilience import CircuitOpen
from memories.tests.helpers import at_once
from memories.tests.jobs.operations import counted, counting, counting_job, work_off
from tenants.isolation import tenant_scope

pytestmark = pytest.mark.django_db
EITHER = pytest.mark.parametrize("is_atomic", [True, False], ids=["one transaction", "scopes of its own"])


@pytest.fixture
def job(tenant):
    return counting_job(tenant)


def state(job: Job) -> tuple[str, int, int | None]:
    job.refresh_from_db()
    return job.status, job.done, job.total


def cancelling(job: Job, *, at: int):
    def cancel(number: int) -> None:
        if number == at:
            with tenant_scope(job.tenant):
                claims.cancel(Job.objects.filter(pk=job.pk))

    return cancel


def failing(error: Exception, *, at: int):
    def fail(number: int) -> None:
        if number == at:
            raise error

    return fail


@EITHER
def test_a_job_is_done_to_its_end(job, is_atomic):
    assert work_off(counting(is_atomic=is_atomic))
    assert (state(job), job.result, job.progress) == (("succeeded", 3, 3), {"counted": 3}, 1.0)
    assert (counted(), job.claim, job.finished_at is not None) == (["1", "2", "3"], None, True)
    assert not work_off(counting(is_atomic=is_atomic))


def test_who_watches_sees_each_step(job):
    seen: list[tuple[int, int | None, float]] = []
    work_off(counting(), turn=Turn(on_step=lambda job: seen.append((job.done, job.total, job.progress))))
    assert seen == [(1, 3, 1 / 3), (2, 3, 2 / 3), (3, 3, 1.0)]


def test_after_a_turn_the_rest_waits_behind_others(job, tenant):
    other = counting_job(tenant)
    work_off(counting(), turn=Turn(until=0.0))
    work_off(counting(), turn=Turn(until=0.0))
    assert (state(job), state(other)) == (("queued", 1, 3), ("queued", 1, 3))
    assert job.attempts == 0


def test_a_job_of_many_turns_does_not_wear_out(tenant):
    job = counting_job(tenant, numbers=claims.MAX_ATTEMPTS + 2)
    while work_off(counting(), turn=Turn(until=0.0)):
        pass
    assert state(job)[0] == "succeeded"


@EITHER
def test_a_cancelled_job_stops_after_its_step(job, is_atomic):
    work_off(counting(cancelling(job, at=2), is_atomic=is_atomic))
    assert (state(job), counted(), job.claim) == (("cancelled", 2, 3), ["1", "2"], None)
    assert job.finished_at
    assert not work_off(counting())


def test_a_cancelled_job_goes_on_from_where_it_stopped_when_it_is_tried_again(job):
    work_off(counting(cancelling(job, at=2)))
    assert Job.objects.all().retry() == 1
    seen: list[int] = []
    work_off(counting(seen.append))
    assert (seen, state(job), job.result) == ([3], ("succeeded", 3, 3), {"counted": 3})


@EITHER
def test_a_step_that_fails_is_tried_again_and_no_other(job, is_atomic):
    work_off(counting(failing(KeyError("secret"), at=2), is_atomic=is_atomic))
    assert (state(job), job.attempts) == (("queued", 1, 3), 1)
    assert job.error == "It failed unexpectedly (KeyError); the log of the worker says more."
    seen: list[int] = []
    work_off(counting(seen.append, is_atomic=is_atomic), only=[job.pk])
    assert (seen, state(job), job.error) == ([2, 3], ("succeeded", 3, 3), "")


def test_while_the_circuit_is_open_no_attempt_is_counted(job):
    before = timezone.now()
    work_off(counting(failing(CircuitOpen("calls are paused", retry_after=20), at=1)))
    assert (state(job)[0], job.attempts, job.error) == ("queued", 0, "calls are paused")
    assert timedelta(seconds=19) < job.due_at - before < timedelta(seconds=40)


def test_an_answer_that_is_no_use_is_asked_for_again(job):
    work_off(counting(failing(UnusableAnswer("no vectors"), at=1)))
    assert (state(job)[0], job.error) == ("queued", "no vectors")


def test_a_step_that_failed_leaves_nothing_of_itself(job):
    work_off(counting(failing(KeyError(), at=2)))
    assert counted() == ["1"]


def test_a_step_that_always_fails_is_given_up_and_tried_again_from_there(job):
    for _ in range(claims.MAX_ATTEMPTS):
        work_off(counting(failing(ProviderUnavailable("away"), at=2)), only=[job.pk])
    assert (state(job), job.error) == (("failed", 1, 3), "away")
    Job.objects.all().retry()
    work_off(counting())
    assert state(job) == ("succeeded", 3, 3)


def test_what_another_took_over_is_not_written(job):
    def lose(number: int) -> None:
        Job.objects.update(claim="00000000-0000-0000-0000-000000000001")

    work_off(counting(lose))
    assert (state(job), counted()) == (("running", 0, 3), [])


def test_a_claim_lasts_from_the_last_step(job):
    due = []

    def look(job: Job) -> None:
        with tenant_scope(job.tenant):
            due.append(Job.objects.get().due_at)

    work_off(counting(lambda _: Job.objects.update(due_at=timezone.now())), turn=Turn(on_step=look))
    assert min(due) > timezone.now() + claims.LEASE / 2


def test_a_job_interrupted_from_the_keyboard_is_free_at_once(job):
    def interrupt(number: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_off(counting(interrupt))
    assert state(job)[0] == "queued"
    assert work_off(counting())


@pytest.mark.django_db(transaction=True)
def test_two_workers_do_each_step_once(tenant):
    jobs = [counting_job(tenant, numbers=20) for _ in range(2)]
    seen: list[int] = []

    def worker() -> None:
        while work_off(counting(seen.append), turn=Turn(until=0.0)):
            pass

    at_once(worker, worker)
    assert sorted(seen) == sorted(2 * list(range(1, 21)))
    assert [state(job)[:2] for job in jobs] == [("succeeded", 20)] * 2
