"""Out of the archive again."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from memories import editing
from memories.jobs import working
from memories.jobs.working import Turn
from memories.models import Conversation, Job, Message
from memories.search import Query
from memories.tests.factories import ConversationFactory
from memories.tests.helpers import embed_all, queue, searched
from retention import restoring, runs
from retention.models import Run
from retention.tests.factories import aged, rows
from tenants.isolation import tenant_scope
from tenants.models import AuditEvent, Tenant
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db


@pytest.fixture
def talk(tenant) -> Conversation:
    return ConversationFactory.create(tenant=tenant)


@pytest.fixture
def old(talk) -> list[Message]:
    return [aged(40 + n, conversation=talk) for n in range(3)]


def archived_by_run(tenant: Tenant) -> Run:
    with plain_login():
        run = runs.begin(tenant, trigger=Run.Trigger.API, dry_run=False)
        runs.execute(run)
    return run


def restored(tenant: Tenant, **chosen: Any) -> int:
    with plain_login():
        return restoring.restore(tenant, **chosen)


def live() -> set[Message]:
    return set(Message.objects.live())


def test_what_a_run_archived_comes_back_as_it_was(tenant, old) -> None:
    queue(*old)
    embed_all()
    before = rows(tenant)
    run = archived_by_run(tenant)
    assert live() == set()
    assert restored(tenant, run=run) == 3
    assert rows(tenant) == before


@pytest.mark.django_db(transaction=True)
def test_it_is_found_again_at_once(tenant, talk) -> None:
    aged(50, conversation=talk, content="a cat sleeps")
    query = Query("cat")
    run = archived_by_run(tenant)
    assert not searched(tenant, query).hits
    restored(tenant, run=run)
    assert [hit.message.content for hit in searched(tenant, query).hits] == ["a cat sleeps"]


def test_of_a_run_only_what_it_archived_itself_comes_back(tenant, talk, old) -> None:
    with plain_login():
        run = runs.begin(tenant, trigger=Run.Trigger.API, dry_run=False)
    editing.update(old[0], {"archived": True})
    by_hand_before = aged(2, conversation=talk, archived_at=timezone.now())
    with plain_login():
        runs.execute(run)
    assert restored(tenant, run=run) == 2
    assert live() == set(old[1:])
    assert by_hand_before


def test_what_a_dry_run_would_archive_is_not_its_own(tenant, old) -> None:
    with plain_login():
        run = runs.begin(tenant, trigger=Run.Trigger.API, dry_run=True)
    Message.objects.update(archived_at=run.planned_for)
    assert restored(tenant, run=run) == 0


@pytest.mark.parametrize("way", ["ids", "conversation", "time"])
def test_the_ways_to_choose(tenant, talk, old, way: str) -> None:
    moment = timezone.now()
    wanted, *others = old
    Message.objects.filter(pk=wanted.pk).update(
        archived_at=moment, conversation=ConversationFactory.create(tenant=tenant, external_id="mine")
    )
    Message.objects.filter(pk=others[0].pk).update(archived_at=moment - timedelta(hours=1))
    Message.objects.filter(pk=others[1].pk).update(archived_at=moment + timedelta(hours=1))
    chosen: dict[str, dict[str, Any]] = {
        "ids": {"ids": [wanted.pk]},
        "conversation": {"conversation": Conversation.objects.get(external_id="mine").pk},
        "time": {"since": moment, "until": moment},
    }
    assert restored(tenant, **chosen[way]) == 1
    assert live() == {wanted}


def test_other_tenants_are_left_alone(tenant, old) -> None:
    Message.objects.update(archived_at=timezone.now())
    assert restored(TenantFactory.create(), ids=[one.pk for one in old]) == 0
    assert live() == set()


def test_live_messages_are_not_counted(tenant, old) -> None:
    assert restored(tenant, ids=[one.pk for one in old]) == 0
    assert not AuditEvent.objects.filter(action="retention.restored").exists()


def test_each_batch_is_counted_and_audited(tenant, old, monkeypatch) -> None:
    monkeypatch.setattr(restoring, "BATCH", 2)
    run = archived_by_run(tenant)
    assert restored(tenant, run=run) == 3
    events = AuditEvent.objects.filter(tenant=tenant, action="retention.restored", object_id=str(run.pk))
    assert [one.detail for one in events.order_by("pk")] == [{"messages": 2}, {"messages": 1}]


# --- As a job -------------------------------------------------------------------------------------------------------


def job_of(tenant: Tenant, **chosen: Any) -> Job:
    with plain_login(), tenant_scope(tenant):
        return restoring.queue(tenant, **chosen)


def worked_off(job: Job, **options: Any) -> Job:
    with plain_login():
        working.work_off(only=[job.pk], **options)
    job.refresh_from_db()
    return job


@pytest.mark.parametrize("way", ["ids", "conversation", "time", "run"])
def test_a_job_restores_what_it_was_asked_for(tenant, talk, old, way: str) -> None:
    run = archived_by_run(tenant)
    other = aged(60, conversation=ConversationFactory.create(tenant=tenant), archived_at=timezone.now())
    chosen: dict[str, dict[str, Any]] = {
        "ids": {"ids": [one.pk for one in old]},
        "conversation": {"conversation": talk.pk},
        "time": {"since": run.planned_for, "until": run.planned_for},
        "run": {"run": run},
    }
    job = worked_off(job_of(tenant, **chosen[way]))
    assert (job.status, job.result, job.total) == ("succeeded", {"restored": 3}, 3)
    assert live() == set(old)
    assert other not in live()


def test_a_job_goes_on_after_a_turn(tenant, old, monkeypatch) -> None:
    monkeypatch.setattr(restoring, "BATCH", 2)
    job = worked_off(job_of(tenant, run=archived_by_run(tenant)), turn=Turn(until=0.0))
    assert (job.status, job.done, len(live())) == ("queued", 2, 2)
    assert (worked_off(job).status, len(live())) == ("succeeded", 3)


def test_a_job_of_a_run_that_is_gone_says_so(tenant, old) -> None:
    run = archived_by_run(tenant)
    job = job_of(tenant, run=run)
    Run.objects.all().delete()
    assert (worked_off(job).status, job.error) == ("failed", "The retention run is gone.")
