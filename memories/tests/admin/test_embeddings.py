"""A whole tenant embedded again, by a job."""

import pytest
from django.core.cache import cache

from memories.models import Job
from memories.tasks import OPERATION_WAKE_FLAG
from memories.tests.factories import MessageFactory
from memories.tests.helpers import queue
from tenants.models import AuditEvent
from tenants.tests.admin_pages import act

EMBEDDING = "memories_messageembedding"
ACTIONS = [("embed_failed_of_tenant", True), ("embed_all_of_tenant", False)]


@pytest.fixture
def rows(db):
    """Two of one tenant, one of another."""
    first = MessageFactory.create()
    return queue(first, MessageFactory.create(conversation=first.conversation), MessageFactory.create())


@pytest.mark.parametrize(("action", "only_failed"), ACTIONS)
def test_each_tenant_gets_a_job(browser, rows, action, only_failed, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        assert "Jobs queued: 2." in act(browser, EMBEDDING, action, *rows, confirmed="yes")
    jobs = Job.objects.all()
    assert {job.tenant for job in jobs} == {row.tenant for row in rows}
    assert [(job.kind, job.asked) for job in jobs] == [("embed", {"only_failed": only_failed})] * 2
    assert AuditEvent.objects.filter(action="admin.queued").count() == 2
    assert cache.get(OPERATION_WAKE_FLAG)


@pytest.mark.parametrize(("action", "_"), ACTIONS)
def test_it_asks_first(browser, rows, action, _):
    assert "of the tenants of these again?" in act(browser, EMBEDDING, action, *rows)
    assert not Job.objects.exists()


@pytest.mark.parametrize(("action", "_"), ACTIONS)
def test_a_viewer_queues_nothing(viewer, rows, action, _):
    act(viewer, EMBEDDING, action, *rows, confirmed="yes")
    assert not Job.objects.exists()
