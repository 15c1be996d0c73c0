"""Tasks, and the schedule that starts them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from memories.jobs import claims
from memories.models import Job, JobKind, Message
from memories.tasks import work_off_operations
from memories.tests.factories import ConversationFactory
from retention import apps, runs, tasks
from retention.models import PlannedItem, Policy, Run
from retention.tests.factories import aged
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _tasks_run_where_they_are_queued(monkeypatch) -> None:
    monkeypatch.setattr(tasks.run_tenant, "delay", tasks.run_tenant)


@pytest.fixture
def old(tenant) -> Message:
    return aged(31, conversation=ConversationFactory.create(tenant=tenant))


@pytest.fixture
def other_old() -> Message:
    return aged(31, conversation=ConversationFactory.create(tenant=TenantFactory.create()))


def run(task: Callable[..., None], *arguments: str) -> None:
    """As a worker does whose login is an ordinary one."""
    with plain_login():
        task(*arguments)


def archived(*messages: Message) -> list[bool]:
    return [Message.objects.get(pk=one.pk).archived_at is not None for one in messages]


def test_every_tenant_is_run(old, other_old) -> None:
    run(tasks.run_all)
    run(work_off_operations)
    assert archived(old, other_old) == [True, True]
    assert set(Run.objects.values_list("trigger", "status")) == {("schedule", "completed")}


def test_only_the_tenants_of_the_settings_are_run(old, other_old, settings) -> None:
    settings.MEMORY_RETENTION_TENANTS = [old.tenant.slug, "nobody"]
    run(tasks.run_all)
    run(work_off_operations)
    assert archived(old, other_old) == [True, False]


def test_a_tenant_in_dry_run_is_planned_alone(old) -> None:
    Policy.objects.create(tenant=old.tenant, max_age_days=1)
    run(tasks.run_all)
    run(work_off_operations)
    assert archived(old) == [False]
    assert Run.objects.get().total == 1


def test_a_run_that_somebody_works_on_is_left_alone(old) -> None:
    runs.begin(old.tenant, trigger=Run.Trigger.SCHEDULE)
    claims.claim([JobKind.RETENTION])
    run(tasks.run_tenant, str(old.tenant_id))
    run(work_off_operations)
    assert archived(old) == [False]
    assert Run.objects.count() == 1


def test_a_run_whose_worker_died_is_taken_up(old) -> None:
    runs.begin(old.tenant, trigger=Run.Trigger.SCHEDULE)
    claims.claim([JobKind.RETENTION])
    Job.objects.update(due_at=timezone.now())
    run(work_off_operations)
    assert archived(old) == [True]


def test_a_task_of_a_tenant_that_is_gone_does_nothing(old) -> None:
    run(tasks.run_tenant, "00000000-0000-7000-8000-000000000000")
    assert not Run.objects.exists()


def test_old_plans_are_forgotten_except_what_can_still_be_restored(old) -> None:
    for is_dry in (True, False):
        runs.execute(runs.begin(old.tenant, trigger=Run.Trigger.API, dry_run=is_dry))
    run(tasks.forget_plans)
    assert PlannedItem.objects.count() == 2
    Run.objects.update(finished_at=timezone.now() - runs.KEEP_ITEMS - timedelta(seconds=1))
    run(tasks.forget_plans)
    assert PlannedItem.objects.get().run.dry_run is False


# --- The schedule -------------------------------------------------------------------------------------------------


def test_the_schedule_is_made_of_the_settings(settings) -> None:
    PeriodicTask.objects.all().delete()
    settings.MEMORY_RETENTION_SCHEDULE_SECONDS = 7200
    apps.schedule_runs()
    task = PeriodicTask.objects.get(task="retention.tasks.run_all")
    assert (task.interval.every, task.interval.period, task.enabled) == (7200, IntervalSchedule.SECONDS, True)


def test_what_operators_made_of_it_stays(settings) -> None:
    hourly = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.HOURS)
    PeriodicTask.objects.update_or_create(
        task="retention.tasks.run_all", defaults={"name": "mine", "interval": hourly, "enabled": False}
    )
    apps.schedule_runs()
    task = PeriodicTask.objects.get(task="retention.tasks.run_all")
    assert (task.name, task.interval, task.enabled) == ("mine", hourly, False)


def test_a_missed_schedule_is_caught_up_once() -> None:
    """However long beat was away: what is due is due once."""
    PeriodicTask.objects.all().delete()
    apps.schedule_runs()
    task = PeriodicTask.objects.get()
    long_ago = timezone.now() - timedelta(days=30)
    assert task.schedule.is_due(long_ago).is_due
    assert not task.schedule.is_due(timezone.now()).is_due
