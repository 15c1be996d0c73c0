"""From one model to another: nothing is found less on the way, whoever stores, edits or searches meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection
from django.utils import timezone

from memories import editing, embedding, reembedding
from memories.embedding_models import provider_of
from memories.ingest import NewMessage, store
from memories.jobs import claims, working
from memories.models import EmbeddingWindow, FactVector, Job, MessageEmbedding
from memories.reembedding import Refused, begin
from memories.search import vector_indexes
from memories.tests.factories import FactFactory
from memories.tests.helpers import DEADLINE, with_own_connection
from memories.tests.reembedding_flows import (
    NEW,
    OLD,
    THIRD,
    changed,
    embed,
    meant,
    models,
    said,
    to_the_end,
    turn,
    vectors,
)
from tenants.isolation import tenant_scope
from tenants.models import AuditEvent, Tenant
from tenants.tests.factories import EndUserFactory, TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db(transaction=True)  # others write meanwhile, with connections of their own


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(reembedding, "LOOK_AGAIN", reembedding.LOOK_AGAIN * 0)


# --- The way ----------------------------------------------------------------------------------------------------------


def test_the_tenant_is_searched_by_the_old_model_until_the_new_one_is_whole(tenant):
    said(tenant, "a cat", "a dog")
    with plain_login():
        job = begin(tenant, model=NEW)
    assert turn(job).status == "queued"
    assert (models(tenant), meant(tenant, "cat", top_k=1)) == (("", NEW, ""), ["a cat"])
    job = to_the_end(job)
    assert (job.status, job.result, job.done, job.total) == ("succeeded", {"messages": 2}, 2, 2)
    assert (models(tenant), meant(tenant, "cat", top_k=1)) == ((NEW, "", OLD), ["a cat"])
    assert (vectors(tenant, NEW), vectors(tenant, OLD)) == (2, 2)


def test_facts_go_with_the_messages(tenant):
    fact = FactFactory.create(end_user=EndUserFactory.create(tenant=tenant))
    FactFactory.create()  # another tenant's
    assert changed(tenant, NEW).result == {"facts": 1}
    assert list(FactVector.objects.values_list("fact", "model")) == [(fact.pk, NEW)]


def test_other_tenants_stay_as_they_are(tenant):
    other = TenantFactory.create()
    said(tenant, "a cat")
    said(other, "a cat")
    changed(tenant, NEW)
    assert (models(other), vectors(other, NEW), meant(other, "cat")) == (("", "", ""), 0, ["a cat"])


def test_an_empty_tenant_is_switched_at_once(tenant):
    with plain_login():
        job = begin(tenant, model=NEW)
    assert turn(job).status == "succeeded"
    assert models(tenant) == (NEW, "", OLD)


def test_a_few_messages_at_a_time(tenant, monkeypatch):
    monkeypatch.setattr(reembedding, "PORTION", 2)
    said(tenant, *(f"cat {number}" for number in range(5)))
    with plain_login():
        job = begin(tenant, model=NEW)
    turn(job)
    assert (job.done, "workers" in job.error) == (2, True)
    assert MessageEmbedding.objects.filter(model=NEW).count() == 2
    assert to_the_end(job).done == 5


def test_a_rate_spreads_them_over_time(tenant):
    said(tenant, *(f"cat {number}" for number in range(3)))
    with plain_login():
        job = begin(tenant, model=NEW, rate=12)
    turn(job)
    waits = (job.due_at - timezone.now()).total_seconds()
    assert (job.done, job.status) == (2, "queued")
    assert 5 < waits <= 10  # two of twelve a minute


def test_a_large_tenants_vectors_are_indexed_before_the_switch(tenant):
    said(tenant, "a cat")
    Tenant.objects.filter(pk=tenant.pk).update(has_vector_index=True)
    job, index = begin(tenant, model=NEW), vector_indexes.Index(tenant, NEW)
    try:
        for _ in range(3):
            working.work_off(only=[job.pk])  # as the owner of the tables
            embed()
        assert vector_indexes._there()[index.name] == "valid"
        assert (models(tenant)[0], meant(tenant, "cat")) == (NEW, ["a cat"])
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP INDEX IF EXISTS {index.name}")


def test_a_login_that_may_build_no_index_switches_without(tenant):
    said(tenant, "a cat")
    Tenant.objects.filter(pk=tenant.pk).update(has_vector_index=True)
    assert changed(tenant, NEW).status == "succeeded"
    assert meant(tenant, "cat") == ["a cat"]


def test_who_is_searched_by_it_already_is_refused(tenant):
    with pytest.raises(Refused, match=f"searched by {OLD} already"):
        begin(tenant, model=OLD)


def test_one_change_at_a_time(tenant):
    begin(tenant, model=NEW)
    with pytest.raises(Refused, match=f"on its way to {NEW}"):
        begin(tenant, model=THIRD)


def test_begun_again_it_is_the_same_job(tenant):
    assert begin(tenant, model=NEW) == begin(tenant, model=NEW, is_forced=True)
    assert Job.objects.get().asked["is_forced"]


def test_what_was_cancelled_goes_on_when_it_is_begun_again(tenant, monkeypatch):
    monkeypatch.setattr(reembedding, "PORTION", 2)
    said(tenant, "a cat", "a dog", "a cow")
    turn(begin(tenant, model=NEW))
    with tenant_scope(tenant):
        claims.cancel(Job.objects.for_tenant(tenant))
    assert models(tenant) == ("", NEW, "")
    embed()
    assert changed(tenant, NEW).result == {"messages": 1}
    assert models(tenant) == (NEW, "", OLD)


def test_it_is_written_down_who_switched_to_what(tenant):
    changed(tenant, NEW)
    switched = AuditEvent.objects.get(action="embedding_model.switched")
    assert (switched.tenant, switched.detail) == (tenant, {"model": NEW, "previous": OLD})


# --- While others write -----------------------------------------------------------------------------------------------


def test_a_store_in_flight_that_knows_nothing_of_it_is_waited_for_and_taken_along(tenant):
    said(tenant, "a cat")
    stored, go_on = Event(), Event()

    def slow_store() -> None:
        with tenant_scope(tenant):
            store(tenant, [NewMessage("c1", "user", "a dog")])
            stored.set()
            assert go_on.wait(DEADLINE)

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(with_own_connection, slow_store)
        assert stored.wait(DEADLINE)
        with plain_login():
            job = begin(tenant, model=NEW)
        for _ in range(3):
            turn(job)
            embed()
        assert "still open" in job.error
        assert (models(tenant), meant(tenant, "cat")) == (("", NEW, ""), ["a cat"])
        go_on.set()
        writer.result(DEADLINE)
    to_the_end(job)
    assert models(tenant) == (NEW, "", OLD)
    assert set(meant(tenant, "a dog or a cat")) == {"a cat", "a dog"}


def test_a_store_in_flight_during_the_switch_is_embedded_by_the_new_model(tenant):
    said(tenant, "a cat")
    job = begin(tenant, model=NEW)
    turn(job)
    stored, go_on = Event(), Event()

    def slow_store() -> None:
        with tenant_scope(tenant):
            store(tenant, [NewMessage("c1", "user", "a dog")])
            stored.set()
            assert go_on.wait(DEADLINE)

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(with_own_connection, slow_store)
        assert stored.wait(DEADLINE)
        embed()
        turn(job)
        assert models(tenant) == (NEW, "", OLD)
        go_on.set()
        writer.result(DEADLINE)
    embed()
    assert set(meant(tenant, "a dog or a cat")) == {"a cat", "a dog"}


def test_what_an_editor_holds_is_waited_for(tenant):
    (cat,) = said(tenant, "a cat")
    held, go_on = Event(), Event()

    def slow_edit() -> None:
        with tenant_scope(tenant):
            editing.update(cat, {"content": "a cow"})
            held.set()
            assert go_on.wait(DEADLINE)

    with ThreadPoolExecutor(1) as pool:
        editor = pool.submit(with_own_connection, slow_edit)
        assert held.wait(DEADLINE)
        with plain_login():
            job = begin(tenant, model=NEW)
        turn(job)
        assert models(tenant) == ("", NEW, "")
        go_on.set()
        editor.result(DEADLINE)
    to_the_end(job)
    assert (meant(tenant, "cow"), vectors(tenant, NEW)) == (["a cow"], 1)


def test_an_edit_on_the_way_drops_the_vectors_of_both_and_is_embedded_by_both(tenant):
    (cat, _) = said(tenant, "a cat", "a dog")
    turn(begin(tenant, model=NEW))
    embed()
    with plain_login(), tenant_scope(tenant):
        editing.update(cat, {"content": "a cow"})
    assert not EmbeddingWindow.objects.filter(message=cat).exists()
    assert set(MessageEmbedding.objects.filter(message=cat).values_list("model", "status")) == {
        (OLD, "pending"),
        (NEW, "pending"),
    }
    embed()
    assert EmbeddingWindow.objects.filter(message=cat).count() == 2


def test_no_switch_while_the_old_model_finds_what_the_new_one_would_not(tenant):
    said(tenant, "a cat")
    job = begin(tenant, model=NEW)
    turn(job)
    embed()
    store(tenant, [NewMessage("c1", "user", "a dog")])
    embedding.embed_batch(provider_of(OLD))
    turn(job)
    assert (models(tenant), "just stored" in job.error) == (("", NEW, ""), True)
    embed()
    assert (turn(job).status, models(tenant)) == ("succeeded", (NEW, "", OLD))


def test_searches_all_the_while_find_all_that_there_is(tenant, monkeypatch):
    monkeypatch.setattr(reembedding, "PORTION", 20)
    said(tenant, *(f"cat number {number}" for number in range(100)))
    over, counts = Event(), set[int]()

    def ask_all_the_while() -> int:
        asked = 0
        while not over.is_set():
            asked += 1
            counts.add(len(meant(Tenant.objects.get(pk=tenant.pk), f"cat {asked}", top_k=100)))
        return asked

    with ThreadPoolExecutor(1) as pool:
        client = pool.submit(with_own_connection, ask_all_the_while)
        try:
            changed(tenant, NEW)
            changed(tenant, OLD)
        finally:
            over.set()
        assert client.result(DEADLINE) > 0
    assert counts == {100}
