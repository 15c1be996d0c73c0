"""Jobs as an operator sees them."""

import uuid

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from memories.models import Job, Reading
from memories.tasks import FACT_WAKE_FLAG
from memories.tests.factories import ConversationFactory, JobFactory, MessageFactory
from tenants.models import AuditEvent
from tenants.tests.admin_pages import act, listed, listing, page, queries, text

JOB = "memories_job"


@pytest.fixture
def failed(ann):
    error = "The model's answer had another shape."
    return JobFactory.create(end_user=ann, status="failed", attempts=8, error=error, finished_at=timezone.now())


def test_thirty_jobs_take_as_many_queries_as_three(browser):
    def queue(count):
        for _ in range(count):
            job = JobFactory.create()
            Job.objects.filter(pk=job.pk).update(conversation=ConversationFactory.create(tenant=job.tenant))

    queue(3)
    few = queries(browser, listing(JOB))
    queue(27)
    assert queries(browser, listing(JOB)) == few


@pytest.mark.parametrize("query", [{"status__exact": "failed"}, {"kind__exact": "extract"}])
def test_jobs_are_filtered(browser, failed, query):
    JobFactory.create(kind="consolidate")
    assert listed(browser, listing(JOB), **query) == [failed]


def test_a_list_says_why_a_job_failed(browser, failed):
    assert "had another shape" in text(browser.get(listing(JOB)))


@pytest.fixture
def message(failed):
    message = MessageFactory.create(conversation__tenant=failed.tenant, content="I live in Austin.")
    Reading.objects.create(tenant=failed.tenant, message=message, job=failed)
    return message


def test_a_page_leads_to_the_messages_that_the_job_reads(browser, failed, message):
    shown = text(browser.get(page(failed)))
    assert page(message) in shown
    assert "I live in Austin." in shown


def test_who_may_not_look_at_messages_reads_none(viewer, failed, message):
    shown = text(viewer.get(page(failed)))
    assert page(message) in shown
    assert "I live in Austin." not in shown


def test_a_page_says_what_came_of_the_job(browser, failed):
    Job.objects.update(status="succeeded", result={"facts": {"inserted": 2}})
    assert "&quot;inserted&quot;: 2" in text(browser.get(page(failed)))


def test_trying_again_asks_first(browser, failed):
    assert "Try these jobs again?" in act(browser, JOB, "try_again", failed)
    assert Job.objects.get().status == "failed"


def test_failed_jobs_are_queued_from_the_start(browser, failed):
    done = JobFactory.create(status="succeeded")
    assert "Jobs queued again: 1." in act(browser, JOB, "try_again", failed, done, confirmed="yes")
    failed.refresh_from_db()
    done.refresh_from_db()
    assert (failed.status, failed.attempts, failed.error, done.status) == ("queued", 0, "", "succeeded")
    event = AuditEvent.objects.get(action="admin.retried")
    assert (event.tenant, event.detail) == (failed.tenant, {"jobs": 1})


def test_trying_again_calls_a_worker_after_the_commit(browser, failed, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        act(browser, JOB, "try_again", failed, confirmed="yes")
        assert cache.get(FACT_WAKE_FLAG) is None
    assert cache.get(FACT_WAKE_FLAG)


@pytest.mark.parametrize(
    ("status", "buttons"),
    [
        ("failed", ["try_again"]),
        ("cancelled", ["try_again"]),
        ("queued", ["cancel"]),
        ("running", ["cancel"]),
        ("succeeded", []),
    ],
)
def test_a_page_has_the_buttons_that_make_sense(browser, failed, status, buttons):
    Job.objects.update(status=status, claim=failed.pk)
    assert [name for name, _ in browser.get(page(failed)).context["buttons"]] == buttons


@pytest.fixture
def running(tenant):
    return JobFactory.create(
        tenant=tenant, end_user=None, kind="reindex", status="running", claim=uuid.uuid4(), done=1, total=4
    )


def test_how_far_it_is_is_drawn(browser, running):
    for address in (listing(JOB), page(running)):
        shown = text(browser.get(address))
        assert 'aria-label="1 of 4 (25%)"' in shown
        assert '<rect width="25%"' in shown


def test_the_page_of_an_open_job_looks_again(browser, running, failed):
    assert browser.get(page(running))["Refresh"] == "5"
    assert "Refresh" not in browser.get(page(failed))


def test_cancelling_asks_first(browser, running):
    assert "Cancel these jobs?" in act(browser, JOB, "cancel", running)
    assert not Job.objects.get().is_cancelled


def test_what_is_open_is_cancelled(browser, running, failed):
    assert "Jobs cancelled: 1." in act(browser, JOB, "cancel", running, failed, confirmed="yes")
    running.refresh_from_db()
    failed.refresh_from_db()
    assert (running.is_cancelled, failed.status) == (True, "failed")
    event = AuditEvent.objects.get(action="admin.cancelled")
    assert (event.tenant, event.detail) == (running.tenant, {"jobs": 1})


def test_a_cancelled_job_has_no_second_button(browser, running):
    Job.objects.update(is_cancelled=True)
    assert browser.get(page(running)).context["buttons"] == []


def test_a_viewer_cancels_nothing(viewer, running):
    act(viewer, JOB, "cancel", running, confirmed="yes")
    assert not Job.objects.get().is_cancelled


def test_a_viewer_tries_nothing_again(viewer, failed):
    act(viewer, JOB, "try_again", failed, confirmed="yes")
    assert Job.objects.get().status == "failed"


@pytest.mark.parametrize("view", ["change", "delete"])
def test_what_the_system_writes_is_not_changed(browser, failed, view):
    address = reverse(f"admin:memories_job_{view}", args=[failed.pk])
    assert browser.post(address, {"status": "queued", "post": "yes"}).status_code == 403
