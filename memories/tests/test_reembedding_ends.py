"""Changes of model that fail, are killed, given up, undone or made final; and what has no vector."""

import pytest
from django.utils import timezone

from memories import editing, embedding, reembedding
from memories.ingest import NewMessage, store
from memories.models import EmbeddingWindow, FactVector, Job, MessageEmbedding
from memories.providers.base import ProviderRejected
from memories.reembedding import begin, give_up, queue_backfill, queue_pruning
from memories.tests.factories import ConversationFactory, FactFactory, MessageFactory
from memories.tests.helpers import kill_in_the_middle, raising
from memories.tests.reembedding_flows import NEW, OLD, changed, embed, meant, models, said, to_the_end, turn, vectors
from tenants.isolation import tenant_scope
from tenants.models import Tenant
from tenants.tests.factories import EndUserFactory, TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db(transaction=True)  # others write meanwhile, with connections of their own


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(reembedding, "LOOK_AGAIN", reembedding.LOOK_AGAIN * 0)


# --- Failures ---------------------------------------------------------------------------------------------------------


def failing_at_new(tenant: Tenant) -> Job:
    said(tenant, "a cat")
    job = begin(tenant, model=NEW)
    turn(job)
    refusing = raising(ProviderRejected("It does not like cats."))
    refusing.dimensions = 32
    embedding.embed_batch(refusing)
    return turn(job)


def test_what_the_new_model_fails_at_keeps_it_from_the_switch(tenant):
    job = failing_at_new(tenant)
    assert (job.status, models(tenant)) == ("failed", ("", NEW, ""))
    assert "failed at 1 messages, first: It does not like cats. Cure that, or use --force." in job.error


def test_begun_again_it_tries_them_again(tenant):
    failing_at_new(tenant)
    assert changed(tenant, NEW).status == "succeeded"
    assert (models(tenant)[0], vectors(tenant, NEW)) == (NEW, 1)


def test_forced_it_switches_without_them(tenant):
    job = failing_at_new(tenant)
    Job.objects.filter(pk=job.pk).retry()
    Job.objects.filter(pk=job.pk).update(asked=job.asked | {"is_forced": True})
    assert turn(job).status == "succeeded"
    assert models(tenant) == (NEW, "", OLD)


def test_what_the_old_model_failed_at_too_is_no_reason_to_stay(tenant):
    failing_at_new(tenant)
    MessageEmbedding.objects.filter(model=OLD).update(status="failed")
    job = Job.objects.get()
    Job.objects.filter(pk=job.pk).retry()
    assert turn(job).status == "succeeded"


KILLED = """
import time, django
django.setup()
import memories.{module}
from memories.jobs import working

def stay(*_, **__):
    print("in the middle", flush=True)
    time.sleep(600)

memories.{module}.{name} = stay
while working.work_off():
    pass
"""


@pytest.mark.parametrize(
    ("module", "name"),
    [("filling", "queue"), ("reembedding", "_switch"), ("jobs.claims", "advance")],
    ids=["filling", "switching", "noting"],
)
def test_killed_in_the_middle_it_goes_on(tenant, module, name):
    said(tenant, "a cat", "a dog")
    job = begin(tenant, model=NEW)
    if name == "_switch":
        turn(job)
        embed()
        Job.objects.update(due_at=timezone.now())
    kill_in_the_middle(KILLED.format(module=module, name=name))
    job.refresh_from_db()
    assert (job.status, models(tenant)) == ("running", ("", NEW, ""))
    Job.objects.update(due_at=timezone.now())  # as it is when the claim's time is over
    assert to_the_end(job).status == "succeeded"
    assert (models(tenant), vectors(tenant, NEW)) == ((NEW, "", OLD), 2)


def test_killed_between_the_switch_and_its_note_it_is_done(tenant):
    job = begin(tenant, model=NEW)
    Tenant.objects.filter(pk=tenant.pk).update(
        embedding_model=NEW, next_embedding_model="", previous_embedding_model=OLD
    )
    assert turn(job).status == "succeeded"
    assert models(tenant) == (NEW, "", OLD)


# --- Back, and no way back --------------------------------------------------------------------------------------------


def test_the_way_back_fills_what_was_stored_since(tenant):
    said(tenant, "a cat")
    changed(tenant, NEW)
    store(tenant, [NewMessage("c1", "user", "a dog")])
    embed()
    assert vectors(tenant, OLD) == 1
    assert changed(tenant, OLD).result == {"messages": 1}
    assert (models(tenant), set(meant(tenant, "cat or dog"))) == ((OLD, "", NEW), {"a cat", "a dog"})


def test_what_was_edited_since_is_embedded_anew_on_the_way_back(tenant):
    (cat,) = said(tenant, "a cat")
    changed(tenant, NEW)
    with tenant_scope(tenant):
        editing.update(cat, {"content": "a cow"})
    embed()
    changed(tenant, OLD)
    assert (meant(tenant, "cow"), vectors(tenant, OLD)) == (["a cow"], 1)


def test_given_up_on_the_way_all_stays_as_it_was(tenant):
    said(tenant, "a cat")
    job = begin(tenant, model=NEW)
    turn(job)
    with plain_login():
        assert (give_up(tenant), give_up(tenant)) == (NEW, "")
    job.refresh_from_db()
    assert (job.status, models(tenant), meant(tenant, "cat")) == ("cancelled", ("", "", ""), ["a cat"])
    store(tenant, [NewMessage("c1", "user", "a dog")])
    assert not MessageEmbedding.objects.filter(message__content="a dog", model=NEW).exists()


def test_a_job_that_was_given_up_switches_nothing_when_it_is_tried_again(tenant):
    job = begin(tenant, model=NEW)
    give_up(tenant)
    Job.objects.filter(pk=job.pk).retry()
    assert turn(job).status == "failed"
    assert (models(tenant), "not to be searched" in job.error) == (("", "", ""), True)


def pruned(tenant: Tenant) -> Job:
    with plain_login():
        job = queue_pruning(tenant)
    return turn(job)


@pytest.mark.parametrize("at_once", [1, 5_000])
def test_pruned_are_the_vectors_of_models_that_are_not_used(tenant, at_once, monkeypatch):
    monkeypatch.setattr(reembedding, "PRUNED_AT_ONCE", at_once)
    said(tenant, "a cat", "a dog")
    FactFactory.create(end_user=EndUserFactory.create(tenant=tenant))
    changed(tenant, NEW)
    FactVector.objects.create(tenant=tenant, fact=tenant.facts.get(), model=OLD, vector=[1.0])
    job = pruned(tenant)
    assert (job.status, job.done, job.total, models(tenant)) == ("succeeded", 3, 3, (NEW, "", ""))
    assert (vectors(tenant, OLD), vectors(tenant, NEW), meant(tenant, "cat", top_k=1)) == (0, 2, ["a cat"])
    assert not MessageEmbedding.objects.filter(model=OLD).exists()
    assert list(FactVector.objects.values_list("model", flat=True)) == [NEW]


def test_pruning_leaves_what_is_being_filled_and_what_others_have(tenant):
    other = TenantFactory.create()
    said(tenant, "a cat")
    said(other, "a cat")
    turn(begin(tenant, model=NEW))
    embed()
    assert pruned(tenant).done == 0
    assert (vectors(tenant, OLD), vectors(tenant, NEW), vectors(other, OLD)) == (1, 1, 1)


# --- What has no vector -----------------------------------------------------------------------------------------------


def test_a_backfill_embeds_what_has_no_vector_and_what_failed(tenant):
    said(tenant, "a cat")
    (failed,) = said(tenant, "a dog")
    MessageEmbedding.objects.filter(message=failed).update(status="failed")
    EmbeddingWindow.objects.filter(message=failed).delete()
    MessageFactory.create(conversation=ConversationFactory.create(tenant=tenant), content="a cow")
    MessageFactory.create(content="another tenant's")
    with plain_login():
        job = queue_backfill(tenant)
    assert to_the_end(job).result == {"messages": 2}
    assert (job.total, vectors(tenant, OLD), EmbeddingWindow.objects.count()) == (2, 3, 3)


def test_a_backfill_goes_by_the_model_of_the_tenant(tenant):
    Tenant.objects.filter(pk=tenant.pk).update(embedding_model=NEW)
    MessageFactory.create(conversation=ConversationFactory.create(tenant=tenant), content="a cow")
    tenant.refresh_from_db()
    to_the_end(queue_backfill(tenant))
    assert (vectors(tenant, NEW), vectors(tenant, OLD)) == (1, 0)
