"""Erasure: what goes, what stays, what refuses it."""

import json
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from memories import editing, embedding, filling, search_cache
from memories.editing import Held
from memories.embedding_models import provider_of
from memories.models import Conversation, EmbeddingWindow, Hold, Message, Posting
from memories.tests.helpers import redis_client
from retention import cold, cold_files
from retention.erasure import erase as flow
from retention.erasure.erase import ErasureIncomplete, erase, plan_erasure
from retention.erasure.subjects import Subject, UnknownSubject, find, rows_of
from retention.models import ColdFile, PlannedItem, Receipt, Run
from retention.tests.erasure.erasing import SECRET, World, cold_file, every_row, ids_of, world
from tenants.isolation import across_tenants, tenant_scope
from tenants.models import AuditEvent, EndUser, Tenant
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db
SUBJECTS = ("maya_subject", "talk_subject", "tenant_subject")
CHANGED = ("retention_coldfile", "retention_run")  # written anew, looked at on their own
every_subject = pytest.mark.parametrize("which", SUBJECTS)


@pytest.fixture
def acme() -> World:
    return world()


def erased(subject: Subject, **options: Any) -> Receipt:
    with plain_login():
        return erase(subject, **options)


@every_subject
def test_vectors_of_every_model_are_gone(acme, which):
    subject = getattr(acme, which)
    with across_tenants():
        everything = Message.objects.filter(tenant=acme.tenant).order_by("pk")
        filling.queue(everything, model="mock:mock:32", limit=100)
    while embedding.embed_batch(provider_of("mock:mock:32")):
        pass
    before = set(EmbeddingWindow.objects.values_list("message", "model"))
    gone = {pk for pk in Message.objects.values_list("pk", flat=True) if str(pk) in ids_of(subject)}
    assert {model for pk, model in before if pk in gone} == {"mock:mock:64", "mock:mock:32"}
    assert erased(subject).proof["found"] == []
    assert set(EmbeddingWindow.objects.values_list("message", "model")) == {one for one in before if one[0] not in gone}


def contents() -> set[str]:
    return set(Message.objects.values_list("content", flat=True))


# --- What goes --------------------------------------------------------------------------------------------------------


@every_subject
def test_all_rows_of_the_subject_are_gone_and_all_others_are_as_they_were(acme, which):
    world("other")
    subject = getattr(acme, which)
    ids, before = ids_of(subject), every_row(but=CHANGED)
    names = {"maya_subject": {"maya-1234", "talk-of-maya"}, "talk_subject": {"talk-of-maya"}, "tenant_subject": set()}
    assert erased(subject).proof["found"] == []
    mentioning = {(table, row) for table, row in before if any(one in row for one in ids)}
    answers = {row for row in before if row[0] == "tenants_idempotencykey" and str(acme.tenant.pk) in row[1]}
    mentioning |= {(table, row) for table, row in answers if any(name in row for name in names[which])}
    assert every_row(but=CHANGED) == before - mentioning


def test_an_end_users_messages_go_from_the_conversations_of_others(acme):
    erased(acme.maya_subject)
    assert contents() == {"noah talks of nothing but the weather"}


def test_the_counts_say_what_went_by_kind(acme):
    hers = rows_of(acme.maya_subject)[Message]
    windows, postings = (model.objects.filter(message__in=hers).count() for model in (EmbeddingWindow, Posting))
    assert erased(acme.maya_subject).counts == {
        "api_keys": 1,
        "cache_entries": 1,
        "cold_messages": 1,
        "conversations": 1,
        "embedding_windows": windows,
        "end_users": 1,
        "holds": 1,
        "idempotency_keys": 4,
        "log_entries": 1,
        "message_embeddings": 3,
        "messages": 3,
        "planned_items": 1,
        "postings": postings,
        "run_samples": 1,
    }


def test_of_a_tenant_only_the_audit_trail_and_the_receipts_stay(acme):
    erased(acme.tenant_subject)
    assert not any(str(acme.tenant.pk) in row for _table, row in every_row())
    assert AuditEvent.objects.filter(tenant=acme.tenant.pk).exists()
    assert Receipt.objects.get().tenant_id == acme.tenant.pk


def test_a_runs_sample_keeps_what_it_says_of_others(acme):
    erased(acme.maya_subject)
    (left,) = Run.objects.get(pk=acme.run.pk).sample
    assert Message.objects.get(pk=left["message_id"]).end_user == acme.noah
    assert PlannedItem.objects.get().message_id == Message.objects.get().pk


def test_cached_results_are_gone_at_once(acme):
    pattern = cache.make_key(search_cache.results_prefix(acme.tenant.pk)) + "*"
    with redis_client() as client:
        assert list(client.scan_iter(match=pattern))
        erased(acme.maya_subject)
        assert not list(client.scan_iter(match=pattern))


# --- Cold storage -----------------------------------------------------------------------------------------------------


def test_a_cold_file_is_written_anew_without_the_subject(acme):
    before = cold_file(acme)
    erased(acme.maya_subject)
    after = cold_file(acme)
    cold.check(after)
    assert (before.messages, after.messages) == (2, 1)
    assert not storages["cold"].exists(before.path)
    assert not storages["cold"].exists(cold_files.manifest_path(before.path))


def test_what_stays_in_a_cold_file_can_be_restored(acme):
    erased(acme.maya_subject)
    cold.restore(cold_file(acme))
    assert contents() == {"noah talks of nothing but the weather", "the weather lies in cold storage too"}


def test_a_cold_file_of_nobody_else_is_gone(acme):
    erased(acme.maya_subject)
    erased(Subject(acme.tenant, acme.noah))
    assert not ColdFile.objects.exists()
    assert storages["cold"].listdir(f"acme-{acme.tenant.pk}/{acme.run.pk}")[1] == []


def test_of_a_tenant_no_file_and_no_folder_stays(acme):
    erased(acme.tenant_subject)
    assert storages["cold"].listdir("") == ([], [])


def test_an_unregistered_file_that_cannot_be_read_is_a_find(acme):
    path = f"acme-{acme.tenant.pk}/{acme.run.pk}/9.jsonl.gz"
    Run.objects.filter(pk=acme.run.pk).update(status="running")
    storages["cold"].save(path, ContentFile(b"no gzip"))
    with pytest.raises(ErasureIncomplete) as caught:
        erased(acme.maya_subject)
    assert caught.value.receipt.proof["found"] == [{"place": f"cold:{acme.run.pk}/9.jsonl.gz", "what": "id"}]


def test_a_file_that_a_killed_move_left_is_gone(acme):
    left = cold.write(acme.run, Message.objects.filter(content=SECRET), batch=2)
    assert left
    erased(acme.maya_subject)
    assert not storages["cold"].exists(left.path)


def test_an_old_file_that_a_killed_erasure_left_is_gone(acme, monkeypatch):
    before = cold_file(acme).path
    remove = cold_files.remove
    with monkeypatch.context() as patched:
        patched.setattr(cold_files, "remove", lambda path: _killed() if path == before else remove(path))
        with pytest.raises(KeyboardInterrupt):
            erased(acme.maya_subject)
    assert storages["cold"].exists(before)
    erased(acme.maya_subject)
    cold.check(cold_file(acme))
    assert not storages["cold"].exists(before)


# --- Holds ------------------------------------------------------------------------------------------------------------


@every_subject
@pytest.mark.parametrize("target", ["tenant", "end_user", "conversation", "message"])
def test_a_legal_hold_on_any_part_refuses(acme, which, target):
    message = Message.objects.get(content=SECRET)
    on: dict[str, Any] = (
        {target: message if target == "message" else getattr(message, target)} if target != "tenant" else {}
    )
    Hold.objects.create(tenant=acme.tenant, **on)
    before = every_row()
    with pytest.raises(Held):
        erased(getattr(acme, which))
    assert every_row() == before


def test_a_hold_on_somebody_who_spoke_in_the_conversation_refuses(acme):
    Hold.objects.create(tenant=acme.tenant, end_user=acme.noah)
    with pytest.raises(Held):
        erased(acme.talk_subject)


def test_a_hold_of_another_tenant_refuses_nothing(acme):
    Hold.objects.create(tenant=world("other").tenant)
    erased(acme.maya_subject)


def test_a_hold_that_comes_between_two_batches_keeps_the_rest(acme, monkeypatch):
    monkeypatch.setattr(flow, "BATCH", 1)

    def hold(*_: Any) -> None:
        with tenant_scope(acme.tenant):
            Hold.objects.create(tenant=acme.tenant)

    with pytest.raises(Held):
        erased(acme.maya_subject, on_batch=hold)
    assert rows_of(acme.maya_subject)[Message].count() == 2


# --- Before, in the middle, again -------------------------------------------------------------------------------------


@every_subject
def test_a_dry_run_counts_the_same_and_changes_nothing(acme, which):
    subject, before = getattr(acme, which), every_row()
    with plain_login():
        counts = plan_erasure(subject)
    assert every_row() == before
    assert erased(subject).counts == counts


def _killed(*_: Any) -> None:
    raise KeyboardInterrupt


@every_subject
def test_an_erasure_that_was_killed_is_finished_by_the_next(acme, which, monkeypatch):
    monkeypatch.setattr(flow, "BATCH", 1)
    subject = getattr(acme, which)
    messages = rows_of(subject)[Message].count()
    with pytest.raises(KeyboardInterrupt):
        erased(subject, on_batch=_killed)
    receipt = erased(subject)
    assert receipt.proof["found"] == []
    assert receipt.counts["messages"] == messages - 1
    assert not any(str(subject.row.pk) in row for _table, row in every_row())


def test_progress_is_told_by_batch(acme, monkeypatch):
    monkeypatch.setattr(flow, "BATCH", 2)
    told: list[tuple[int, int]] = []
    erased(acme.maya_subject, on_batch=lambda done, of: told.append((done, of)))
    assert told == [(2, 3), (3, 3)]


def test_what_is_left_makes_a_receipt_that_says_so(acme):
    EndUser.objects.filter(pk=acme.noah.pk).update(metadata={"heard": SECRET})
    with pytest.raises(ErasureIncomplete) as caught:
        erased(acme.maya_subject)
    assert caught.value.receipt.proof["found"] == [{"place": "tenants_enduser.metadata", "what": "text"}]
    assert Receipt.objects.get() == caught.value.receipt


# --- What is written down ---------------------------------------------------------------------------------------------


def test_receipt_and_audit_trail_name_nobody(acme):
    names = ids_of(acme.maya_subject) | {"maya-1234", "talk-of-maya", SECRET}
    receipt = erased(acme.maya_subject)
    events = AuditEvent.objects.filter(action__startswith="erase.").order_by("pk")
    assert [event.action for event in events] == ["erase.requested", "erase.completed"]
    assert events[1].detail["counts"] == receipt.counts
    written = json.dumps([event.detail for event in events]) + json.dumps([receipt.proof, receipt.counts])
    assert not any(name in written for name in names)


def test_a_subject_is_found_by_either_id(acme):
    for name in ("maya-1234", str(acme.maya.pk)):
        assert find(acme.tenant, "user", name).row == acme.maya
    talk = Conversation.objects.get(external_id="talk-of-maya")
    for name in ("talk-of-maya", str(talk.pk)):
        assert find(acme.tenant, "conversation", name).row == talk


@pytest.mark.parametrize("kind", ["user", "conversation"])
def test_a_subject_of_another_tenant_is_unknown(acme, kind):
    other = world("other")
    for row in (acme.maya, acme.talk_subject.row):
        with pytest.raises(UnknownSubject):
            find(other.tenant, kind, str(row.pk))


@pytest.mark.django_db(transaction=True)
def test_the_tables_are_vacuumed(acme):
    proof = erase(acme.maya_subject).proof
    assert {"memories_message", "memories_embeddingwindow", "retention_run"} <= set(proof["vacuumed"])
    assert proof["not_vacuumed"] == {}


@pytest.mark.django_db(transaction=True)
def test_a_login_that_does_not_own_the_tables_says_so(acme):
    proof = erased(acme.maya_subject).proof
    assert proof["not_vacuumed"]["memories_message"] == "this login does not own it"


@pytest.mark.django_db(transaction=True)
def test_an_erasure_in_transactions_of_its_own_leaves_nothing(acme):
    editing.delete(Message.objects.filter(content="maya was here and says good bye"))
    assert erased(acme.tenant_subject).proof["found"] == []
    assert not Tenant.objects.filter(pk=acme.tenant.pk).exists()
