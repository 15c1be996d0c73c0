"""Runs, from plan to the last item."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from memories import editing
from memories.jobs import claims
from memories.models import Conversation, Hold, Job, JobKind, JobStatus, Message
from memories.tests.factories import ConversationFactory
from memories.tests.helpers import at_once
from retention import runs
from retention.models import Action, Mode, Policy, Rule, Run
from retention.tests.factories import aged
from tenants.models import AuditEvent, Tenant
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch) -> None:
    monkeypatch.setattr(runs, "BATCHES", dict.fromkeys(runs.BATCHES, 2))
    monkeypatch.setattr(runs, "REST", 0.0)


@pytest.fixture
def conversation(tenant) -> Conversation:
    return ConversationFactory.create(tenant=tenant)


@pytest.fixture
def old(conversation) -> list[Message]:
    return [aged(31 + n, conversation=conversation) for n in range(5)]


def begun(tenant: Tenant, **options: Any) -> Run:
    return runs.begin(tenant, trigger=Run.Trigger.API, **options)


def done(tenant: Tenant, **options: Any) -> Run:
    with plain_login():
        run = begun(tenant, **options)
        runs.execute(run)
    return run


def archived(messages: list[Message]) -> list[bool]:
    return [Message.objects.get(pk=one.pk).archived_at is not None for one in messages]


def test_a_run_archives_what_it_planned(tenant, old) -> None:
    run = done(tenant)
    assert archived(old) == [True] * 5
    assert (run.status, run.archived, run.skipped, run.total, run.progress) == ("completed", 5, 0, 5, 1.0)
    assert run.finished_at is not None


def test_what_is_archived_is_dated_by_the_plan_and_otherwise_unchanged(tenant, old) -> None:
    before = Message.objects.values().get(pk=old[0].pk)
    run = done(tenant)
    assert Message.objects.values().get(pk=old[0].pk) == before | {"archived_at": run.planned_for}


def test_a_run_deletes_what_was_archived_long_enough(tenant, conversation) -> None:
    Policy.objects.create(tenant=tenant, mode=Mode.ENFORCE, delete_after_days=1)
    gone = aged(300, conversation=conversation, archived_at=timezone.now() - timedelta(days=2))
    run = done(tenant)
    assert (run.deleted, Message.objects.filter(pk=gone.pk).exists()) == (1, False)


def test_a_dry_run_changes_nothing(tenant, old) -> None:
    run = done(tenant, dry_run=True)
    assert archived(old) == [False] * 5
    assert (run.status, run.total, run.archived) == ("completed", 5, 0)


def test_a_dry_run_and_a_real_run_agree(tenant, old) -> None:
    now = timezone.now()
    dry, real = (done(tenant, dry_run=is_dry, now=now) for is_dry in (True, False))
    ids = [set(run.items.values_list("message_id", "action", "reason")) for run in (dry, real)]
    assert (dry.planned, ids[0]) == (real.planned, ids[1])
    assert len(ids[0]) == 5


def test_a_second_run_finds_nothing_to_do(tenant, old) -> None:
    done(tenant)
    assert (again := done(tenant)).total == 0
    assert again.status == Run.Status.COMPLETED


@pytest.mark.parametrize(("mode", "is_dry"), [(Mode.DRY_RUN, True), (Mode.ENFORCE, False)])
def test_the_policy_says_whether_it_is_a_dry_run(tenant, mode: Mode, is_dry: bool) -> None:
    Policy.objects.create(tenant=tenant, mode=mode)
    assert begun(tenant).dry_run is is_dry


def test_a_new_policy_is_a_dry_run_and_no_policy_is_enforced(tenant) -> None:
    assert not begun(tenant).dry_run
    Policy.objects.create(tenant=tenant)
    assert begun(tenant).dry_run


# --- What happens between plan and application ----------------------------------------------------------------------


def pinned(message: Message) -> None:
    Hold.objects.create(tenant=message.tenant, kind=Hold.Kind.PIN, message=message)


def held(message: Message) -> None:
    Hold.objects.create(tenant=message.tenant, conversation=message.conversation)


def deleted(message: Message) -> None:
    editing.delete(Message.objects.filter(pk=message.pk))


def put_away(message: Message) -> None:
    editing.archive(Message.objects.filter(pk=message.pk), at=timezone.now())


@pytest.mark.parametrize("change", [pinned, held, deleted, put_away])
def test_what_changed_since_the_plan_is_skipped(tenant, conversation, change: Callable[[Message], None]) -> None:
    message = aged(31, conversation=conversation)
    run = begun(tenant)
    change(message)
    runs.execute(run)
    assert (run.status, run.archived, run.skipped) == ("completed", 0, 1)


def test_what_was_restored_since_the_plan_is_not_deleted(tenant, conversation) -> None:
    Policy.objects.create(tenant=tenant, mode=Mode.ENFORCE, delete_after_days=1)
    message = aged(300, conversation=conversation, archived_at=timezone.now() - timedelta(days=2))
    run = begun(tenant)
    editing.restore(Message.objects.filter(pk=message.pk))
    runs.execute(run)
    assert (run.deleted, run.skipped, Message.objects.filter(pk=message.pk).exists()) == (0, 1, True)


# --- Interrupted, continued, cancelled, failed -----------------------------------------------------------------------


def test_a_run_that_stops_early_is_continued(tenant, old) -> None:
    run = begun(tenant)
    runs.execute(run, until=0.0)
    assert (run.status, run.archived) == ("running", 2)
    runs.execute(run)
    assert (run.status, run.archived) == ("completed", 5)


def test_a_run_whose_worker_died_is_continued_when_its_lease_is_over(tenant, old) -> None:
    run = begun(tenant)
    claims.claim([JobKind.RETENTION])
    runs.execute(run)
    assert archived(old) == [False] * 5
    Job.objects.update(due_at=timezone.now())
    runs.execute(run)
    assert archived(old) == [True] * 5


def test_progress_is_told_after_each_batch(tenant, old) -> None:
    seen: list[float] = []
    runs.execute(begun(tenant), on_batch=lambda run: seen.append(run.progress))
    assert seen == [0.4, 0.8, 1.0]


def test_a_cancelled_run_stops_after_its_batch(tenant, old) -> None:
    run = begun(tenant)
    runs.execute(run, on_batch=runs.cancel)
    assert (run.status, run.archived, run.progress) == ("cancelled", 2, 0.4)
    assert not runs.cancel(run)


def test_a_run_that_fails_says_why(tenant, old, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> int:
        raise RuntimeError("no")

    monkeypatch.setattr(editing, "archive", fail)
    run = begun(tenant)
    for _ in range(claims.MAX_ATTEMPTS):
        runs.execute(run)
    assert (run.status, run.archived) == ("failed", 0)
    assert "RuntimeError" in run.error


def test_a_run_goes_on_when_the_database_is_back(tenant, old, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> int:
        raise OperationalError

    run = begun(tenant)
    with monkeypatch.context() as away:
        away.setattr(editing, "archive", fail)
        runs.execute(run)
    assert run.status == Run.Status.RUNNING
    runs.execute(run)
    assert run.status == Run.Status.COMPLETED


@pytest.mark.parametrize("status", ["cancelled", "failed"])
def test_a_run_that_ended_early_goes_on_when_its_job_is_tried_again(tenant, old, status) -> None:
    run = begun(tenant)
    runs.execute(run, until=0.0)
    claims.end(Job.objects.filter(pk=run.pk), status=JobStatus(status), error="no")
    run.refresh_from_db()
    assert (run.status, run.error, run.archived) == (status, "no", 2)
    Job.objects.all().retry()
    runs.execute(run)
    assert (run.status, run.error, run.archived, run.skipped) == ("completed", "", 5, 0)


def test_while_another_run_is_at_work_it_does_not(tenant, old) -> None:
    run = begun(tenant)
    runs.cancel(run)
    begun(tenant)
    Job.objects.filter(pk=run.pk).retry()
    runs.execute(run)
    job = Job.objects.get(pk=run.pk)
    assert (run.status, job.status) == ("cancelled", "failed")
    assert "Another run" in job.error


def test_its_job_tells_how_far_it_is(tenant, old) -> None:
    run = begun(tenant)
    runs.execute(run, until=0.0)
    job = Job.objects.get(pk=run.pk)
    assert (job.status, job.done, job.total, job.result) == ("queued", 2, 5, {"archived": 2})
    runs.execute(run)
    job.refresh_from_db()
    assert (job.status, job.done, job.result) == ("succeeded", 5, {"archived": 5})


def test_a_run_ends_when_its_job_is_cancelled(tenant, old) -> None:
    run = begun(tenant)
    claims.cancel(Job.objects.filter(pk=run.pk))
    run.refresh_from_db()
    assert run.status == Run.Status.CANCELLED
    assert AuditEvent.objects.filter(action="retention.cancelled", object_id=str(run.pk)).exists()


def test_a_dry_run_and_a_plan_of_nothing_have_no_job(tenant, old) -> None:
    begun(tenant, dry_run=True)
    begun(tenant, actions=[Action.DELETE])
    assert not Job.objects.exists()


def test_a_tenant_has_one_run_at_a_time(tenant, old) -> None:
    begun(tenant)
    with pytest.raises(runs.AlreadyRunning):
        begun(tenant)
    assert begun(tenant, dry_run=True).total == 5


def test_two_tenants_run_at_the_same_time(tenant, old) -> None:
    other = TenantFactory.create()
    aged(31, conversation=ConversationFactory.create(tenant=other))
    assert [begun(one).status for one in (tenant, other)] == ["running", "running"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_on_one_run_do_it_once(tenant, old) -> None:
    run = begun(tenant)
    at_once(*[lambda: runs.execute(Run.objects.get(pk=run.pk))] * 2)
    run.refresh_from_db()
    assert (run.status, run.archived, run.skipped) == ("completed", 5, 0)


@pytest.mark.django_db(transaction=True)
def test_of_two_runs_begun_at_once_one_is_refused(tenant, old) -> None:
    def begin() -> str:
        try:
            return begun(tenant).status
        except runs.AlreadyRunning:
            return "refused"

    assert sorted(at_once(begin, begin)) == ["refused", "running"]


def test_runs_are_audited(tenant, old) -> None:
    run = done(tenant)
    events = AuditEvent.objects.filter(object_id=str(run.pk)).order_by("pk")
    assert [one.action for one in events] == ["retention.planned", "retention.completed"]
    assert [one.detail.get("archived") for one in events] == [None, 5]


def test_rules_and_policy_work_in_one_run(tenant, conversation) -> None:
    Rule.objects.create(
        tenant=tenant, name="tools", rule_type="custom", action=Action.DELETE, conditions={"role": ["tool"]}
    )
    tool, user = aged(1, conversation=conversation, role="tool"), aged(31, conversation=conversation)
    run = done(tenant)
    assert (run.deleted, run.archived) == (1, 1)
    assert not Message.objects.filter(pk=tool.pk).exists()
    assert archived([user]) == [True]
