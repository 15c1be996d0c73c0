"""Jobs are claimed, cancelled and forgotten."""

import threading
import time
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from prometheus_client import REGISTRY

from memories.jobs import claims
from memories.models import Job
from memories.tests.factories import JobFactory
from memories.tests.helpers import DEADLINE, at_once
from memories.tests.jobs.operations import KIND, counting, counting_job, work_off
from tenants.isolation import across_tenants, tenant_scope

pytestmark = pytest.mark.django_db
LOST = "00000000-0000-0000-0000-000000000001"


def ended(status: str) -> float:
    return REGISTRY.get_sample_value("jobs_finished_total", {"kind": "reindex", "status": status}) or 0.0


def test_only_jobs_of_the_kinds_asked_for_are_claimed(tenant):
    job, _ = counting_job(tenant), JobFactory.create(kind="extract")
    claimed = claims.claim([KIND])
    assert claimed
    assert claimed.job == job
    assert claims.claim([KIND]) is None
    assert claims.seconds_until_next([KIND]) is None


def test_one_that_waits_is_cancelled_at_once(tenant):
    job = counting_job(tenant)
    assert claims.cancel(Job.objects.all()) == 1
    job.refresh_from_db()
    assert (job.status, job.is_cancelled, job.finished_at is not None) == ("cancelled", True, True)


def test_one_whose_worker_died_is_cancelled_by_the_next(tenant):
    job = counting_job(tenant, status="running", claim=LOST)
    claims.cancel(Job.objects.all())
    job.refresh_from_db()
    assert job.status == "running"
    assert not work_off(counting())
    job.refresh_from_db()
    assert (job.status, job.claim) == ("cancelled", None)


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_one_that_has_ended_cannot_be_cancelled(tenant, status):
    counting_job(tenant, status=status)
    assert claims.cancel(Job.objects.all()) == 0
    assert Job.objects.get().status == status


def test_one_that_is_cancelled_does_not_wait_for_another_try(tenant):
    job = counting_job(tenant)
    claimed = claims.claim([KIND])
    assert claimed
    claims.cancel(Job.objects.all())
    claims.postpone(claimed, "away")
    job.refresh_from_db()
    assert job.status == "cancelled"


@pytest.mark.parametrize("status", ["succeeded", "cancelled", "failed"])
def test_what_ends_is_counted_when_that_is_committed(tenant, status, django_capture_on_commit_callbacks):
    claimed = claims.claim([KIND]) if counting_job(tenant) else None
    assert claimed
    before = ended(status)
    with django_capture_on_commit_callbacks(execute=True):
        if status == "succeeded":
            with tenant_scope(tenant):
                claims.finish(claimed, {})
        else:
            (claims.stop(claimed) if status == "cancelled" else claims.fail(claimed, "no"))
        assert ended(status) == before
    assert ended(status) == before + 1


@pytest.mark.parametrize(
    ("kind", "status", "days", "stays"),
    [
        ("reindex", "succeeded", 29, True),
        ("reindex", "succeeded", 31, False),
        ("reindex", "cancelled", 31, False),
        ("reindex", "failed", 300, True),
        ("rescore", "succeeded", 0.5, True),
        ("rescore", "succeeded", 2, False),
        ("rescore", "cancelled", 2, True),
    ],
)
def test_what_succeeded_or_was_cancelled_is_forgotten(tenant, kind, status, days, stays):
    now = timezone.now()
    JobFactory.create(tenant=tenant, end_user=None, kind=kind, status=status, finished_at=now - timedelta(days=days))
    claims.forget_finished(now=now)
    assert Job.objects.exists() is stays


# --- How long a claim lasts -------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_claim_does_not_run_out_while_its_flow_goes_on(tenant, monkeypatch):
    monkeypatch.setattr(claims, "LEASE", timedelta(milliseconds=150))
    job, due = counting_job(tenant), set[datetime]()

    def last_long(number: int) -> None:
        end = time.monotonic() + DEADLINE
        while len(due) < 3 and time.monotonic() < end:
            with across_tenants():
                due.update(Job.objects.values_list("due_at", flat=True))

    work_off(counting(last_long, is_atomic=False))
    job.refresh_from_db()
    assert (len(due) >= 3, job.status) == (True, "succeeded")


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_is_let_go_is_not_renewed(tenant, monkeypatch):
    monkeypatch.setattr(claims, "LEASE", timedelta(milliseconds=30))
    job = counting_job(tenant)
    claimed = claims.claim([KIND])
    assert claimed
    claims.postpone(claimed, "away", at_least=timedelta(hours=1))
    at_once(lambda: claims._renew(claimed, Rounds(2)))
    job.refresh_from_db()
    assert job.due_at > timezone.now() + timedelta(minutes=30)


class Rounds(threading.Event):
    """Over after so many looks."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.left = number

    def wait(self, timeout: float | None = None) -> bool:
        self.left -= 1
        return self.left < 0
