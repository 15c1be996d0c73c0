"""Out of the database into a file, and back."""

import gzip
import json
import stat
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from memories import editing
from memories.models import Conversation, EmbeddingWindow, Message, Posting
from memories.search import Query
from memories.tests.factories import ConversationFactory, MessageFactory
from memories.tests.helpers import searched
from retention import cold
from retention.cold import Restored
from retention.cold_files import CorruptColdFile
from retention.models import ColdFile
from retention.tests.factories import aged, rows
from retention.tests.moving import moved, restored
from tenants.models import AuditEvent, EndUser, Tenant
from tenants.tests.factories import EndUserFactory, TenantFactory

pytestmark = pytest.mark.django_db


def found(tenant: Tenant, text: str) -> list[str]:
    result = searched(tenant, Query(text))
    return [hit.message.content for hit in result.hits]


# --- There and back ---------------------------------------------------------------------------------------------------


def test_what_was_moved_comes_back_as_it_was(tenant, told) -> None:
    before = rows(tenant)
    file = moved(tenant)
    assert not Message.objects.exists()
    assert not EmbeddingWindow.objects.exists()
    assert restored(file) == Restored(messages=3, skipped=0)
    assert rows(tenant) == before
    assert len(before["memories_embeddingwindow"]) == 2


def test_conversations_and_end_users_that_are_gone_come_back_too(tenant, told) -> None:
    before = rows(tenant)
    file = moved(tenant)
    Conversation.objects.all().delete()
    EndUser.objects.all().delete()
    restored(file)
    assert rows(tenant) == before


@pytest.mark.django_db(transaction=True)
def test_it_is_found_again_at_once(tenant, told) -> None:
    file = moved(tenant)
    assert found(tenant, "cat") == []
    restored(file)
    assert found(tenant, "cat")[0] == "a cat sleeps"


def test_words_and_speakers_go_and_come_back_with_their_messages(tenant) -> None:
    aged(50, conversation=ConversationFactory.create(tenant=tenant), content="a cat", metadata={"speaker": "Anna"})
    before = set(Posting.objects.values_list("term", "frequency", "length"))
    file = moved(tenant)
    assert not Posting.objects.exists()
    restored(file)
    assert set(Posting.objects.values_list("term", "frequency", "length")) == before >= {("@anna", 1, 1)}


def test_a_file_says_what_it_holds(tenant, told, cold_storage: Path) -> None:
    file = moved(tenant)
    manifest = json.loads((cold_storage / file.path.replace(".jsonl.gz", ".manifest.json")).read_text())
    assert manifest == manifest | {
        "format": 1,
        "tenant": tenant.slug,
        "run": str(file.run_id),
        "messages": 3,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "models": ["mock:mock:64"],
    }
    times = tuple(datetime.fromisoformat(manifest[name]) for name in ("oldest", "newest"))
    assert (3, *times) == (file.messages, file.oldest, file.newest) == (3, told[0].created_at, told[2].created_at)


def test_nobody_but_the_service_may_read_a_file(tenant, told, cold_storage: Path) -> None:
    moved(tenant)
    paths = list(cold_storage.rglob("*"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in [cold_storage, *paths] if path.is_dir()} == {0o700}


def test_any_other_storage_will_do(tenant, told, settings) -> None:
    settings.STORAGES = settings.STORAGES | {"cold": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
    before = rows(tenant)
    restored(moved(tenant))
    assert rows(tenant) == before


def test_a_batch_larger_than_what_is_in_memory_at_once(tenant, monkeypatch) -> None:
    monkeypatch.setattr(cold, "CHUNK", 2)
    talk = ConversationFactory.create(tenant=tenant)
    for days in range(31, 36):
        aged(days, conversation=talk)
    before = rows(tenant)
    assert restored(moved(tenant)).messages == 5
    assert rows(tenant) == before


text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)


@given(content=text, metadata=st.dictionaries(text, json_values, max_size=3), title=text.map(lambda one: one[:255]))
@example(content="\u2028\u2029\x85\r\n\x01\x7f\ufeff\U0001f9e0\\u0000\"'", metadata={}, title="\n")
@example(content="long \U0001f408" * 16_000, metadata={"n": 10**40, "f": 5e-324}, title="e\u0301")
@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_is_changed_on_the_way(tenant, content: str, metadata: dict[str, Any], title: str) -> None:
    tenant = TenantFactory.create()
    talk = ConversationFactory.create(tenant=tenant, title=title, metadata=metadata)
    aged(31, conversation=talk, content=content, metadata=metadata)
    before = rows(tenant)
    assert restored(moved(tenant)).messages == 1
    assert rows(tenant) == before


# --- Coming back to what has changed ----------------------------------------------------------------------------------


def test_a_second_restore_does_nothing(tenant, told) -> None:
    file = moved(tenant)
    restored(file)
    editing.delete(Message.objects.filter(pk=told[0].pk))
    assert restored(file) == Restored()
    assert not Message.objects.filter(pk=told[0].pk).exists()


def test_a_restore_says_so(tenant, told) -> None:
    file = moved(tenant)
    restored(file)
    file.refresh_from_db()
    assert file.restored_at is not None
    event = AuditEvent.objects.get(action="cold.restored")
    assert (event.tenant_id, event.object_id, event.detail) == (tenant.pk, str(file.pk), {"messages": 3, "skipped": 0})


def test_what_has_been_stored_again_is_skipped(tenant, told) -> None:
    file = moved(tenant)
    again = MessageFactory.create(conversation=Conversation.objects.get(pk=told[2].conversation_id), external_id="x1")
    same = MessageFactory.create(id=told[0].pk, conversation=again.conversation, content="new")
    assert restored(file) == Restored(messages=1, skipped=2)
    assert set(Message.objects.values_list("pk", flat=True)) == {again.pk, same.pk, told[1].pk}
    assert Message.objects.get(pk=told[0].pk).content == "new"
    assert not EmbeddingWindow.objects.filter(message=same).exists()


def test_messages_join_the_conversation_and_the_user_that_bear_the_name_now(tenant, told) -> None:
    file = moved(tenant)
    talk, user = told[0].conversation, told[0].end_user
    Conversation.objects.filter(pk=talk.pk).delete()
    EndUser.objects.filter(pk=user.pk).delete()
    new_user = EndUserFactory.create(tenant=tenant, external_id=user.external_id)
    new_talk = ConversationFactory.create(tenant=tenant, external_id=talk.external_id)
    assert restored(file).messages == 3
    message = Message.objects.get(pk=told[0].pk)
    assert (message.conversation, message.end_user) == (new_talk, new_user)


# --- Files that are not what was written ------------------------------------------------------------------------------


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def exchange(path: Path) -> None:
    """A sound file, but another."""
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"a cat", b"a cow")))


@pytest.mark.parametrize("harm", [flip_a_bit, cut, Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("suffix", [".jsonl.gz", ".manifest.json"])
def test_a_harmed_file_is_refused_and_nothing_changed(tenant, told, cold_storage, harm, suffix: str) -> None:
    file = moved(tenant)
    before = rows(tenant)
    harm(cold_storage / file.path.replace(".jsonl.gz", suffix))
    with pytest.raises(CorruptColdFile, match=r"\.jsonl\.gz"):
        restored(file)
    file.refresh_from_db()
    assert (rows(tenant), file.restored_at) == (before, None)
    assert not AuditEvent.objects.filter(action="cold.restored").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("format", 2), ("tenant", "other"), ("run", "other"), ("messages", 2), ("oldest", "2020-01-01"),
     ("newest", "2020-01-01"), ("bytes", 1), ("sha256", "0" * 64), ("lines_sha256", "0" * 64), ("models", []),
     ("more", 1)],
)  # fmt: skip
def test_a_manifest_that_says_another_thing_is_refused(tenant, told, cold_storage: Path, name: str, value: Any) -> None:
    file = moved(tenant)
    path = cold_storage / file.path.replace(".jsonl.gz", ".manifest.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(CorruptColdFile, match=f"disagree on {name}"):
        restored(file)
    assert not Message.objects.exists()


def test_a_file_exchanged_for_another_sound_one_is_refused(tenant, told, cold_storage: Path) -> None:
    file = moved(tenant)
    exchange(cold_storage / file.path)
    with pytest.raises(CorruptColdFile, match="not the one that was registered"):
        restored(file)


def test_a_file_exchanged_together_with_its_manifest_is_refused(tenant, told) -> None:
    file = moved(tenant)
    ColdFile.objects.filter(pk=file.pk).update(sha256="0" * 64)
    file.refresh_from_db()
    with pytest.raises(CorruptColdFile, match="not the one that was registered"):
        restored(file)
