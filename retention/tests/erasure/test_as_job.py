"""An erasure that a worker does: seen, cancelled, begun again, and naming nobody afterwards."""

import pytest

from memories.jobs import claims, working
from memories.jobs.working import Turn
from memories.models import Hold, Job, Message
from memories.tests.factories import ConversationFactory, JobFactory, MessageFactory
from retention.erasure import as_job, erase, subjects
from retention.models import Receipt
from tenants.isolation import tenant_scope
from tenants.models import EndUser, Tenant
from tenants.tests.factories import EndUserFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db


@pytest.fixture
def maya(tenant):
    maya = EndUserFactory.create(tenant=tenant, external_id="maya-1234")
    talk = ConversationFactory.create(tenant=tenant)
    for _ in range(3):
        MessageFactory.create(conversation=talk, end_user=maya)
    return maya


def queued(tenant, kind="user", name="maya-1234") -> Job:
    with plain_login():
        with tenant_scope(tenant):
            subject = subjects.find(tenant, kind, name)
        return as_job.queue(subject)


def work_off(job: Job, **options) -> Job:
    with plain_login():
        working.work_off(only=[job.pk], **options)
    job.refresh_from_db()
    return job


@pytest.mark.django_db(transaction=True)
def test_it_leaves_a_receipt_and_names_nobody(tenant, maya):
    job = work_off(queued(tenant))
    receipt = Receipt.objects.get()
    assert (job.status, job.asked, job.result) == ("succeeded", {}, {"receipt": str(receipt.pk)})
    assert (job.done, job.total, receipt.proof["found"]) == (3, 3, [])
    assert "memories_job" in receipt.proof["not_vacuumed"]  # tried: this login does not own it
    assert not EndUser.objects.exists()


def test_one_erasure_of_a_subject_waits_at_a_time(tenant, maya):
    assert queued(tenant) == queued(tenant)


def test_what_is_gone_already_is_no_failure(tenant, maya):
    job = queued(tenant)
    EndUser.objects.all().delete()
    assert (work_off(job).status, job.result) == ("succeeded", {})


def test_what_is_held_meanwhile_is_not_erased(tenant, maya):
    job = queued(tenant)
    Hold.objects.create(tenant=tenant, end_user=maya)
    assert work_off(job).status == "failed"
    assert "legal hold" in job.error
    assert Message.objects.count() == 3


def test_it_is_cancelled_between_batches_and_goes_on_when_tried_again(tenant, maya, monkeypatch):
    monkeypatch.setattr(erase, "BATCH", 1)
    job = queued(tenant)

    def cancel(_: Job) -> None:
        with tenant_scope(tenant):
            claims.cancel(Job.objects.filter(pk=job.pk))

    work_off(job, turn=Turn(on_step=cancel))
    assert (job.status, Message.objects.count(), EndUser.objects.count()) == ("cancelled", 1, 1)
    Job.objects.all().retry()
    assert (work_off(job).status, EndUser.objects.count()) == ("succeeded", 0)


def test_cut_off_before_its_receipt_it_says_so(tenant, maya):
    job = queued(tenant)
    Job.objects.update(asked={})
    assert (work_off(job).status, job.error) == ("failed", as_job.CUT_OFF)


def test_what_is_left_fails_the_job_which_names_the_receipt(tenant, maya):
    EndUserFactory.create(tenant=tenant, metadata={"knows": str(maya.pk)})
    job = work_off(queued(tenant))
    assert (job.status, job.result) == ("failed", {"receipt": str(Receipt.objects.get().pk)})


def test_with_a_tenant_its_jobs_go_and_the_receipt_stays(tenant, maya):
    job = queued(tenant, "tenant", tenant.slug)
    with plain_login():
        working.work_off(only=[job.pk])
    assert not Tenant.objects.filter(pk=tenant.pk).exists()
    assert not Job.objects.exists()
    assert Receipt.objects.get().proof["found"] == []


# --- Other jobs that mention what is erased ---------------------------------------------------------------------------


def test_a_job_that_stopped_at_an_erased_message_begins_anew(tenant, maya):
    last = Message.objects.latest("pk")
    fields = {"kind": "reindex", "status": "cancelled", "position": {"after": str(last.pk)}, "done": 3}
    other = JobFactory.create(tenant=tenant, end_user=None, **fields)
    work_off(queued(tenant))
    other.refresh_from_db()
    assert (other.position, other.done, Receipt.objects.get().proof["found"]) == ({}, 0, [])


def test_a_job_that_was_asked_for_an_erased_message_goes(tenant, maya):
    asked = {"ids": [str(Message.objects.earliest("pk").pk)]}
    JobFactory.create(tenant=tenant, end_user=None, kind="restore", status="failed", asked=asked)
    job = work_off(queued(tenant))
    assert (Job.objects.get(), Receipt.objects.get().proof["found"]) == (job, [])
