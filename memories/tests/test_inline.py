"""What commands do with their jobs: seen by others, stopped from both sides, left to workers when they die."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.utils import timezone
from rich.console import Console

from memories.jobs import claims, working
from memories.management import inline
from memories.models import Job
from memories.tests.factories import ConversationFactory, MessageFactory
from memories.tests.jobs.operations import KIND, counting
from tenants.isolation import tenant_scope
from tenants.management import terminal
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def console() -> Console:
    return terminal.console_on(OutputWrapper(io.StringIO()))


@pytest.fixture
def count(monkeypatch, tenant, console):
    """Have a command count to three; `before` may look around, wait or raise before a step is over."""

    def count(before=lambda number: None) -> Job:
        monkeypatch.setitem(working.OPERATIONS, KIND, counting(before))
        with plain_login():
            return inline.work_off(inline.queue(tenant, KIND, numbers=3), console, description="Counting")

    return count


def test_the_job_is_done_and_handed_back(count):
    job = count()
    assert (job.status, job.done, job.result) == ("succeeded", 3, {"counted": 3})


def test_workers_leave_it_to_the_command(tenant):
    with plain_login():
        inline.queue(tenant, KIND, numbers=3)
        assert not working.work_off()


def test_they_take_it_over_when_the_command_has_died(tenant, monkeypatch):
    monkeypatch.setitem(working.OPERATIONS, KIND, counting())
    with plain_login():
        inline.queue(tenant, KIND, numbers=3)
    Job.objects.update(due_at=timezone.now())
    with plain_login():
        assert working.work_off()
    assert Job.objects.get().status == "succeeded"


def test_who_sees_it_may_cancel_it(count, tenant):
    def cancel(number: int) -> None:
        with tenant_scope(tenant):
            claims.cancel(Job.objects.all())

    with pytest.raises(CommandError, match=r"Cancelled\. What was done stays; the job .* can be tried again"):
        count(cancel)
    assert (Job.objects.get().status, Job.objects.get().done) == ("cancelled", 1)


def test_ctrl_c_cancels_it(count):
    def interrupt(number: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(CommandError, match="Interrupted") as caught:
        count(interrupt)
    assert (caught.value.returncode, Job.objects.get().status) == (130, "cancelled")


def test_what_fails_is_said_and_left_to_workers(count):
    def fail(number: int) -> None:
        raise KeyError

    with pytest.raises(CommandError, match=r"Queued\. It failed unexpectedly \(KeyError\)"):
        count(fail)
    assert Job.objects.get().status == "queued"


@pytest.mark.parametrize("command", ["reindex_words", "rescore_importance"])
def test_a_terminal_sees_a_bar_for_each_tenant(tenant, command):
    MessageFactory.create(conversation=ConversationFactory.create(tenant=tenant))
    out = Terminal()
    options = {"all": True} if command == "reindex_words" else {}
    with plain_login():
        call_command(command, stdout=out, **options)
    assert tenant.slug in out.getvalue()
    assert "1/1" in out.getvalue()
    assert (Job.objects.get().status, Job.objects.get().done) == ("succeeded", 1)
