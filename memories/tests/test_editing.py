import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.utils import timezone

from memories import editing, embedding
from memories.models import Conversation, EmbeddingWindow, Message, MessageEmbedding
from memories.providers.mock import MockProvider
from memories.tests.factories import ConversationFactory, MessageFactory
from memories.tests.helpers import (
    DEADLINE,
    at_once,
    calls_waiting,
    embed_all,
    queue,
    while_embedding,
    with_own_connection,
)


@pytest.fixture
def message(tenant) -> Message:
    """A message that has been embedded."""
    message = MessageFactory.create(content="the cat sleeps", conversation=ConversationFactory.create(tenant=tenant))
    queue(message)
    embed_all()
    return message


def state(message: Message) -> tuple[str, int]:
    row = MessageEmbedding.objects.get(message=message)
    return row.status, row.attempts


# --- Updates ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_changed_content_drops_its_vectors_and_is_queued(message) -> None:
    editing.update(message, {"content": "the dog barks"})
    assert not message.windows.exists()
    assert state(message) == ("pending", 0)
    assert Message.objects.get().content == "the dog barks"


@pytest.mark.django_db
def test_changed_content_gets_its_own_vector(message) -> None:
    editing.update(message, {"content": "the dog barks"})
    embed_all()
    (vector,) = message.windows.values_list("vector", flat=True)
    assert vector == pytest.approx(MockProvider().embed_documents(["the dog barks"])[0], abs=1e-3)


@pytest.mark.django_db
def test_content_that_failed_is_tried_again_once_it_changed(message) -> None:
    MessageEmbedding.objects.update(status="failed", attempts=10, error="refused")
    editing.update(message, {"content": "the dog barks"})
    embed_all()
    assert state(message) == ("completed", 1)
    assert MessageEmbedding.objects.get().error == ""


@pytest.mark.django_db
def test_vectors_of_other_models_go_too(message) -> None:
    MessageEmbedding.objects.create(tenant=message.tenant, message=message, model="old:model:2", status="completed")
    EmbeddingWindow.objects.create(
        tenant=message.tenant, message=message, model="old:model:2", position=0, vector=[1.0, 0.0]
    )
    editing.update(message, {"content": "the dog barks"})
    assert not EmbeddingWindow.objects.exists()
    assert set(MessageEmbedding.objects.values_list("status", flat=True)) == {"pending"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [
        {"content": "the cat sleeps"},
        {"metadata": {"a": 1}},
        {"importance_override": 0.5},
        {"archived": True},
        {},
    ],
)
def test_anything_else_keeps_the_vectors(message, changes) -> None:
    editing.update(message, changes)
    assert message.windows.exists()
    assert state(message) == ("completed", 1)


@pytest.mark.django_db
def test_what_is_not_named_stays(message) -> None:
    editing.update(message, {"metadata": {"a": 1}, "importance_override": 0.5})
    editing.update(message, {"archived": True})
    editing.update(message, {"importance_override": None})
    stored = Message.objects.get()
    assert (stored.content, stored.metadata, stored.importance_override) == ("the cat sleeps", {"a": 1}, None)
    assert stored.archived_at is not None


@pytest.mark.django_db
def test_a_second_archiving_keeps_the_moment_of_the_first(message) -> None:
    first = editing.update(message, {"archived": True}).archived_at
    assert editing.update(message, {"archived": True}).archived_at == first
    assert editing.update(message, {"archived": False}).archived_at is None


@pytest.mark.django_db
def test_an_update_is_dated(message) -> None:
    before = timezone.now()
    assert editing.update(message, {"metadata": {"a": 1}}).updated_at >= before


@pytest.mark.django_db
def test_a_message_that_was_deleted_meanwhile_cannot_be_updated(message) -> None:
    Message.objects.all().delete()
    with pytest.raises(Message.DoesNotExist):
        editing.update(message, {"content": "the dog barks"})


@pytest.mark.django_db
def test_an_edit_on_a_stale_copy_undoes_no_other_edit(message) -> None:
    one, other = Message.objects.get(), Message.objects.get()
    editing.update(one, {"content": "the dog barks"})
    editing.update(other, {"metadata": {"a": 1}})
    stored = Message.objects.get()
    assert (stored.content, stored.metadata) == ("the dog barks", {"a": 1})


@pytest.mark.django_db
def test_an_edit_on_a_stale_copy_that_goes_back_is_embedded_again(message) -> None:
    stale = Message.objects.get()
    editing.update(message, {"content": "the dog barks"})
    embed_all()
    editing.update(stale, {"content": "the cat sleeps"})
    assert state(message) == ("pending", 0)


@pytest.mark.django_db(transaction=True)
def test_changed_content_calls_a_worker(message) -> None:
    editing.update(message, {"metadata": {"a": 1}})
    assert calls_waiting() == 0
    editing.update(message, {"content": "the dog barks"})
    assert calls_waiting() == 1


@pytest.mark.django_db(transaction=True)
def test_changed_content_is_embedded_inline_where_that_is_set(message, settings) -> None:
    settings.MEMORY_ASYNC_EMBEDDINGS = False
    editing.update(message, {"content": "the dog barks"})
    assert state(message) == ("completed", 1)


@pytest.mark.django_db(transaction=True)
def test_an_edit_voids_what_a_worker_is_computing(tenant) -> None:
    message = MessageFactory.create(content="old words", conversation=ConversationFactory.create(tenant=tenant))
    queue(message)
    with while_embedding():
        editing.update(message, {"content": "new words"})
    assert state(message) == ("pending", 0)
    assert not message.windows.exists()
    embed_all()
    (vector,) = message.windows.values_list("vector", flat=True)
    assert vector == pytest.approx(MockProvider().embed_documents(["new words"])[0], abs=1e-3)


# --- Deletions --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_deleting_takes_the_vectors_along(message) -> None:
    kept = MessageFactory.create(conversation=message.conversation)
    assert editing.delete(Message.objects.filter(pk=message.pk)) == 1
    assert list(Message.objects.all()) == [kept]
    assert not MessageEmbedding.objects.exists()
    assert not EmbeddingWindow.objects.exists()


@pytest.mark.django_db
def test_deleting_nothing_deletes_nothing(message) -> None:
    assert editing.delete(Message.objects.none()) == 0
    assert Message.objects.exists()


@pytest.mark.django_db
def test_a_conversation_goes_with_its_messages(message) -> None:
    other = MessageFactory.create(conversation=ConversationFactory.create(tenant=message.tenant))
    editing.delete_conversation(message.conversation)
    assert list(Conversation.objects.all()) == [other.conversation]
    assert list(Message.objects.all()) == [other]
    assert not EmbeddingWindow.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_deleting_while_a_worker_embeds(tenant) -> None:
    message = MessageFactory.create(conversation=ConversationFactory.create(tenant=tenant))
    queue(message)
    with while_embedding():
        assert editing.delete(Message.objects.all()) == 1
    assert not Message.objects.exists()
    assert not EmbeddingWindow.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "act", [lambda one: editing.delete(Message.objects.all()), lambda one: editing.update(one, {"content": "new"})]
)
def test_a_worker_that_is_saving_is_waited_for(tenant, act) -> None:
    """The worker holds the embedding's row and goes on to the message's: an edit that took them the other way round
    would wait for the worker while the worker waits for it."""
    message = MessageFactory.create(conversation=ConversationFactory.create(tenant=tenant))
    queue(message)
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        list(MessageEmbedding.objects.select_for_update())
        edit = pool.submit(with_own_connection, lambda: act(message))
        wait_until_someone_waits_for_a_lock()
        embedding.score(Message.objects.all(), now=timezone.now())
    edit.result(DEADLINE)
    assert not EmbeddingWindow.objects.exists()


def wait_until_someone_waits_for_a_lock() -> None:
    """Asks the database, on another connection than the caller's, whose transaction is open."""
    give_up = time.monotonic() + DEADLINE
    while at_once(_waiting_for_a_lock) == [0]:
        assert time.monotonic() < give_up


def _waiting_for_a_lock() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_deletions_edits_and_workers_at_once_all_come_through(tenant) -> None:
    conversation = ConversationFactory.create(tenant=tenant)
    messages = [MessageFactory.create(conversation=conversation) for _ in range(60)]
    queue(*messages)

    def edit() -> None:
        for message in messages[::-1][:30]:
            editing.update(message, {"content": f"new {message.content}"})

    at_once(
        edit,
        embed_all,
        embed_all,
        lambda: editing.delete(Message.objects.filter(pk__in=[one.pk for one in messages[:30]])),
    )
    embed_all()
    assert Message.objects.filter(content__startswith="new").count() == 30
    assert EmbeddingWindow.objects.count() == 30
    assert set(MessageEmbedding.objects.values_list("status", flat=True)) == {"completed"}
