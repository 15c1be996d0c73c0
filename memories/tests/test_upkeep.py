"""Scores are refreshed where they have drifted, and vectors made anew, a few at a time."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from memories import upkeep
from memories.importance import Formula, importance
from memories.jobs import working
from memories.models import Job, Message, MessageEmbedding
from memories.tests.factories import ConversationFactory, MessageFactory
from memories.tests.helpers import at_once, embed_all, queue
from tenants.isolation import tenant_scope
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import plain_login


def stored() -> list[float | None]:
    return list(Message.objects.order_by("pk").values_list("stored_importance", flat=True))


def rescore() -> int:
    """Do a job for each tenant with scores that have drifted; return how many were refreshed."""
    upkeep.queue_rescoring(now=timezone.now())
    queued = list(Job.objects.filter(status="queued").values_list("pk", flat=True))
    while working.work_off():
        pass
    return sum(one.result.get("refreshed", 0) for one in Job.objects.filter(pk__in=queued))


# --- Scores ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_rescoring_writes_the_scores_of_the_moment() -> None:
    now = timezone.now()
    messages = [MessageFactory.create(role=role, created_at=now - timedelta(days=9)) for role in ("user", "tool")]
    assert rescore() == 2
    formula = Formula.from_settings()
    expected = [importance(one.role, None, one.created_at, now=now, formula=formula) for one in messages]
    assert stored() == pytest.approx(expected, abs=1e-5)


@pytest.mark.django_db
def test_rescoring_touches_only_what_has_drifted() -> None:
    now = timezone.now()
    MessageFactory.create(stored_importance=0.9 - upkeep.DRIFT / 2, created_at=now)
    MessageFactory.create(stored_importance=0.5, created_at=now)
    MessageFactory.create(stored_importance=None, created_at=now)
    assert rescore() == 2
    assert stored() == pytest.approx([0.9 - upkeep.DRIFT / 2, 0.9, 0.9])


@pytest.mark.django_db
@pytest.mark.parametrize("step", [1, 2, 5, 100])
def test_rescoring_in_steps_misses_none(step: int, monkeypatch) -> None:
    monkeypatch.setattr(upkeep, "RESCORED_AT_ONCE", step)
    conversation = ConversationFactory.create()
    for _ in range(5):
        MessageFactory.create(conversation=conversation)
    assert rescore() == 5
    assert None not in stored()
    assert rescore() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("weighty", ["recency", "role", "explicit"])
def test_rescoring_ends_whatever_the_weights(settings, weighty: str, monkeypatch) -> None:
    monkeypatch.setattr(upkeep, "RESCORED_AT_ONCE", 2)
    settings.MEMORY_IMPORTANCE_WEIGHTS = {"recency": 0.0, "role": 0.0, "explicit": 0.0, weighty: 1.0}
    conversation = ConversationFactory.create()
    for override in (None, 0.0, 1.0):
        for age in (timedelta(), timedelta(days=50 * 365), timedelta(days=-1)):
            created_at = timezone.now() - age
            MessageFactory.create(conversation=conversation, importance_override=override, created_at=created_at)
    rescore()
    assert rescore() == 0


@pytest.mark.django_db(transaction=True)
def test_rescoring_ends_although_others_keep_writing() -> None:
    """A trigger stands for writers that undo every score at once."""
    MessageFactory.create()
    with connection.cursor() as cursor:
        cursor.execute(
            "create function undo() returns trigger language plpgsql as "
            "$$ begin new.stored_importance = null; return new; end $$"
        )
        cursor.execute("create trigger undo before update on memories_message for each row execute function undo()")
    try:
        assert rescore() == 1
    finally:
        with connection.cursor() as cursor:
            cursor.execute("drop function undo cascade")


@pytest.mark.django_db(transaction=True)
def test_rescoring_waits_for_nobody() -> None:
    held, free = MessageFactory.create(), MessageFactory.create()
    with transaction.atomic():
        Message.objects.select_for_update().get(pk=held.pk)
        assert at_once(rescore) == [1]
    free.refresh_from_db()
    assert free.stored_importance is not None


@pytest.mark.django_db
def test_each_tenant_has_a_job_of_its_own_and_only_where_something_drifted(tenant) -> None:
    now = timezone.now()
    for one in (tenant, TenantFactory.create()):
        MessageFactory.create(conversation=ConversationFactory.create(tenant=one))
    TenantFactory.create()
    assert upkeep.queue_rescoring(now=now) == 2
    assert upkeep.queue_rescoring(now=now) == 0
    assert rescore() == 2
    assert upkeep.queue_rescoring(now=now) == 0


# --- Vectors --------------------------------------------------------------------------------------------------------


def embedded(tenant, count: int) -> None:
    talk = ConversationFactory.create(tenant=tenant)
    queue(*(MessageFactory.create(conversation=talk) for _ in range(count)))
    embed_all()


def embedding_job(tenant, *, only_failed: bool = False) -> Job:
    with plain_login(), tenant_scope(tenant):
        return upkeep.queue_embedding(tenant, only_failed=only_failed)


def work_off(job: Job) -> Job:
    with plain_login():
        working.work_off(only=[job.pk])
    job.refresh_from_db()
    return job


def waiting() -> int:
    return MessageEmbedding.objects.filter(status="pending").count()


@pytest.mark.django_db
def test_all_of_a_tenant_is_embedded_again_and_nothing_of_others(tenant) -> None:
    embedded(tenant, 2)
    embedded(TenantFactory.create(), 1)
    job = work_off(embedding_job(tenant))
    assert (job.status, job.result, job.total, waiting()) == ("succeeded", {"queued": 2}, 2, 2)
    embed_all()
    assert waiting() == 0


@pytest.mark.django_db
def test_what_failed_alone_is_embedded_again(tenant) -> None:
    embedded(tenant, 3)
    failed = MessageEmbedding.objects.earliest("pk")
    MessageEmbedding.objects.filter(pk=failed.pk).update(status="failed", error="no")
    assert work_off(embedding_job(tenant, only_failed=True)).result == {"queued": 1}
    assert MessageEmbedding.objects.get(status="pending") == failed


@pytest.mark.django_db
def test_what_is_stored_meanwhile_waits_behind_a_few_alone(tenant, monkeypatch) -> None:
    monkeypatch.setattr(upkeep, "EMBEDDED_AT_ONCE", 2)
    embedded(tenant, 5)
    job = work_off(embedding_job(tenant))
    assert (job.status, job.done, job.attempts, waiting()) == ("queued", 2, 0, 2)
    assert "workers" in job.error
    for _ in range(2):
        embed_all()
        work_off(job)
    assert (job.status, job.done, job.error) == ("succeeded", 5, "")
