"""Jobs of the fact engine as an operator sees them."""

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


@pytest.mark.parametrize(("status", "buttons"), [("failed", ["try_again"]), ("queued", []), ("succeeded", [])])
def test_only_a_failed_job_has_the_button(browser, failed, status, buttons):
    Job.objects.update(status=status)
    assert [name for name, _ in browser.get(page(failed)).context["buttons"]] == buttons


def test_a_viewer_tries_nothing_again(viewer, failed):
    act(viewer, JOB, "try_again", failed, confirmed="yes")
    assert Job.objects.get().status == "failed"


@pytest.mark.parametrize("view", ["change", "delete"])
def test_what_the_system_writes_is_not_changed(browser, failed, view):
    address = reverse(f"admin:memories_job_{view}", args=[failed.pk])
    assert browser.post(address, {"status": "queued", "post": "yes"}).status_code == 403
