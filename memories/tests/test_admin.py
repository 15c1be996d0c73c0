"""Conversations, messages and embeddings as an operator sees them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from memories import embedding
from memories.admin.transcript import TURN_LENGTH, TURNS
from memories.embedding_models import of_settings
from memories.models import Conversation, EmbeddingWindow, Message, MessageEmbedding
from memories.providers import embedding_provider
from memories.tasks import WAKE_FLAG
from memories.tests.factories import ConversationFactory, MessageFactory
from tenants.models import AuditEvent
from tenants.tests.admin_pages import listed, queries
from tenants.tests.factories import EndUserFactory, TenantFactory

CONVERSATIONS = reverse("admin:memories_conversation_changelist")
MESSAGES = reverse("admin:memories_message_changelist")
EMBEDDINGS = reverse("admin:memories_messageembedding_changelist")
SCRIPT = "<script>alert(1)</script>"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"
NOT_FOUND = "00000000-0000-7000-8000-000000000000"


def change(row):
    return reverse(f"admin:memories_{row._meta.model_name}_change", args=[row.pk])


def delete(row):
    return reverse(f"admin:memories_{row._meta.model_name}_delete", args=[row.pk])


def act(client, address, action, *rows, **answer):
    data = {"action": action, "_selected_action": [row.pk for row in rows]} | answer
    return client.post(address, data, follow=True).content.decode()


def embedding_of(message, **fields):
    row = {"tenant": message.tenant, "message": message, "model": of_settings()} | fields
    return MessageEmbedding.objects.create(**row)


def embed_all():
    while embedding.embed_batch(embedding_provider()):
        pass


@pytest.fixture
def failed(db):
    """The embedding of a message that was given up."""
    return embedding_of(MessageFactory.create(), status="failed", attempts=10, error=f"the vendor said {SCRIPT}")


@pytest.fixture
def viewer(client, db):
    """A client of an operator who may look at messages and embeddings, no more."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_message", "view_messageembedding"]))
    client.force_login(user)
    return client


# --- Lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [CONVERSATIONS, MESSAGES, EMBEDDINGS])
def test_thirty_rows_take_as_many_queries_as_three(admin_client, address):
    def store(count):
        for _ in range(count):
            message = MessageFactory.create()
            Message.objects.filter(pk=message.pk).update(end_user=EndUserFactory.create(tenant=message.tenant))
            embedding_of(message, error="tried")

    store(3)
    few = queries(admin_client, address)
    store(27)
    assert queries(admin_client, address) == few


@pytest.mark.parametrize("address", [CONVERSATIONS, MESSAGES, EMBEDDINGS])
def test_nothing_is_added_by_hand(admin_client, address):
    assert admin_client.get(f"{address}add/").status_code == 403


def test_messages_are_newest_first(admin_client):
    messages = MessageFactory.create_batch(3)
    assert listed(admin_client, MESSAGES) == messages[::-1]


def test_messages_of_a_tenant_are_in_the_order_of_their_time(admin_client):
    conversation = ConversationFactory.create()
    now = timezone.now()
    late = MessageFactory.create(conversation=conversation, created_at=now)
    early = MessageFactory.create(conversation=conversation, created_at=now - timedelta(days=1))
    assert listed(admin_client, MESSAGES, tenant__id__exact=conversation.tenant.pk) == [late, early]


def test_importance_sorts_within_a_tenant(admin_client, tenant):
    conversation = ConversationFactory.create(tenant=tenant)
    low, high = (MessageFactory.create(conversation=conversation, stored_importance=score) for score in (0.1, 0.9))
    page = admin_client.get(MESSAGES, {"tenant__id__exact": tenant.pk}).content.decode()
    assert "o=7" in page
    assert listed(admin_client, MESSAGES, tenant__id__exact=tenant.pk, o="-7") == [high, low]


def test_a_long_content_is_cut_in_the_list(admin_client):
    MessageFactory.create(content="a" * 100 + "b" * 100)
    page = admin_client.get(MESSAGES).content.decode()
    assert "a" * 100 + "b" * 20 + "…" in page
    assert "b" * 21 not in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"role": "tool"}, {"tool"}),
        ({"role__exact": "tool"}, {"tool"}),
        ({"archived": "yes"}, {"archived"}),
        ({"archived": "no"}, {"tool", "failed", "old"}),
        ({"embedding_status": "failed"}, {"failed"}),
        ({"created_at_from": "2020-01-02", "created_at_to": "2020-01-02"}, {"old"}),
        ({"created_at_from": "2020-01-03"}, {"tool", "archived", "failed"}),
        ({"created_at_to": "2020-01-01"}, set()),
        ({"created_at_to": "nonsense"}, {"tool", "archived", "failed", "old"}),
    ],
)
def test_messages_are_filtered(admin_client, query, expected):
    MessageFactory.create(content="tool", role="tool")
    MessageFactory.create(content="archived", archived_at=timezone.now())
    embedding_of(MessageFactory.create(content="failed"), status="failed")
    MessageFactory.create(content="old", created_at=datetime(2020, 1, 2, 23, 59, tzinfo=UTC))
    assert {one.content for one in listed(admin_client, MESSAGES, **query)} == expected


def test_the_embedding_status_is_that_of_the_current_model(admin_client):
    embedding_of(MessageFactory.create(), model="another model", status="failed")
    assert listed(admin_client, MESSAGES, embedding_status="failed") == []


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_embeddings_are_filtered_by_status(admin_client, failed, status):
    embedding_of(MessageFactory.create())
    assert [row.status for row in listed(admin_client, EMBEDDINGS, status__exact=status)] == [status]


# --- Search -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("term", ["parcels", "order-7", "visit-1", "{pk}", '"my parcel"'])
def test_a_message_is_found_by_words_and_ids(admin_client, term):
    conversation = ConversationFactory.create(external_id="visit-1")
    wanted = MessageFactory.create(conversation=conversation, external_id="order-7", content="where is my parcel")
    MessageFactory.create(content="good morning")
    assert listed(admin_client, MESSAGES, q=term.format(pk=wanted.pk)) == [wanted]


@pytest.mark.parametrize("term", ["order", NOT_FOUND, "'; --", "\x00", "a & | !", " "])
def test_other_terms_do_no_harm(admin_client, term):
    MessageFactory.create(external_id="order-7", content="where is my parcel")
    assert admin_client.get(MESSAGES, {"q": term}).status_code == 200


def test_a_part_of_an_id_finds_nothing(admin_client):
    MessageFactory.create(external_id="order-7")
    assert listed(admin_client, MESSAGES, q="order") == []


@pytest.mark.parametrize("term", ["visit-1", "{pk}"])
def test_a_conversation_is_found_by_its_id(admin_client, term):
    wanted, _ = ConversationFactory.create(external_id="visit-1"), ConversationFactory.create()
    assert listed(admin_client, CONVERSATIONS, q=term.format(pk=wanted.pk)) == [wanted]


# --- Pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page_of", ["list", "message", "conversation", "embeddings", "embedding", "question", "delete"]
)
def test_what_people_wrote_is_escaped(admin_client, page_of):
    message = MessageFactory.create(content=SCRIPT, metadata={SCRIPT: SCRIPT})
    row = embedding_of(message, status="failed", error=SCRIPT)
    if page_of == "question":
        page = act(admin_client, MESSAGES, "embed_again", message)
    else:
        addresses = {
            "list": MESSAGES,
            "message": change(message),
            "conversation": change(message.conversation),
            "embeddings": EMBEDDINGS,
            "embedding": change(row),
            "delete": delete(message),
        }
        page = admin_client.get(addresses[page_of]).content.decode()
    assert ESCAPED in page
    assert SCRIPT not in page


def test_a_conversation_reads_as_a_transcript(admin_client):
    conversation = ConversationFactory.create()
    now = timezone.now()
    for minutes, content in ((2, "third"), (0, "first"), (1, "second")):
        MessageFactory.create(conversation=conversation, content=content, created_at=now + timedelta(minutes=minutes))
    page = admin_client.get(change(conversation)).content.decode()
    assert page.index("first<") < page.index("second<") < page.index("third<")
    assert f"{MESSAGES}?conversation__id__exact={conversation.pk}" in page


def test_a_transcript_is_bounded(admin_client):
    conversation = ConversationFactory.create()
    now = timezone.now()
    for number in range(TURNS + 1):
        created_at = now + timedelta(seconds=number)
        MessageFactory.create(
            conversation=conversation, content=f"turn-{number}-" + "x" * TURN_LENGTH, created_at=created_at
        )
    page = admin_client.get(change(conversation)).content.decode()
    assert f"turn-{TURNS - 1}-" in page
    assert f"turn-{TURNS}-" not in page
    assert "x" * TURN_LENGTH not in page


def test_the_reason_of_a_failure_is_on_the_messages_page(admin_client, failed):
    page = admin_client.get(change(failed.message)).content.decode()
    assert "the vendor said" in page
    assert "field-attempts" in page


def test_only_importance_and_archive_are_changeable(admin_client):
    message = MessageFactory.create(content="as it was said")
    new = {"content": "x", "role": "system", "external_id": "y", "importance_override": "0.7", "archived": "on"}
    admin_client.post(change(message), new | inline_form())
    after = Message.objects.get()
    assert (after.content, after.role, after.external_id) == ("as it was said", "user", None)
    assert after.importance_override == pytest.approx(0.7)
    assert after.archived_at


def test_a_message_is_restored(admin_client):
    message = MessageFactory.create(archived_at=timezone.now())
    admin_client.post(change(message), {"importance_override": ""} | inline_form())
    assert Message.objects.get().archived_at is None


def test_an_importance_beyond_one_is_refused(admin_client):
    message = MessageFactory.create()
    page = admin_client.post(change(message), {"importance_override": "1.5"} | inline_form()).content.decode()
    assert "less than or equal to 1" in page
    assert Message.objects.get().importance_override is None


def inline_form():
    return {"embeddings-TOTAL_FORMS": 0, "embeddings-INITIAL_FORMS": 0}


def test_a_viewer_sees_and_changes_nothing(viewer, failed):
    message = failed.message
    assert message.content in viewer.get(change(message)).content.decode()
    assert viewer.post(change(message), {"archived": "on"} | inline_form()).status_code == 403
    assert "embed_again" not in viewer.get(MESSAGES).content.decode()
    act(viewer, EMBEDDINGS, "embed_again", failed, confirmed="yes")
    assert MessageEmbedding.objects.get().status == "failed"


@pytest.mark.parametrize("row", ["conversation", "embedding"])
def test_what_the_system_writes_is_not_changed(admin_client, failed, row):
    address = change(failed if row == "embedding" else failed.message.conversation)
    assert admin_client.post(address, {"title": "x", "status": "completed"}).status_code == 403


# --- Embed again ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [MESSAGES, EMBEDDINGS])
def test_embedding_again_asks_first(admin_client, failed, address):
    page = act(admin_client, address, "embed_again", failed.message if address == MESSAGES else failed)
    assert "again?" in page
    assert MessageEmbedding.objects.get().status == "failed"


@pytest.mark.parametrize("address", [MESSAGES, EMBEDDINGS])
def test_embedding_again_starts_from_the_beginning(admin_client, failed, address):
    row = failed.message if address == MESSAGES else failed
    page = act(admin_client, address, "embed_again", row, confirmed="yes")
    assert "Embeddings queued again: 1." in page
    again = MessageEmbedding.objects.get()
    assert (again.status, again.attempts, again.error) == ("pending", 0, "")


def test_embedding_again_calls_a_worker_after_the_commit(admin_client, failed, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as after_commit:
        act(admin_client, EMBEDDINGS, "embed_again", failed, confirmed="yes")
    assert cache.get(WAKE_FLAG) is None
    for callback in after_commit:
        callback()
    assert cache.get(WAKE_FLAG)


def test_all_that_a_filter_finds_is_embedded_again(admin_client, failed):
    others = [embedding_of(MessageFactory.create(), status="failed") for _ in range(60)]
    untouched = embedding_of(MessageFactory.create(), status="completed")
    address = f"{EMBEDDINGS}?status__exact=failed"
    question = act(admin_client, address, "embed_again", failed, select_across="1")
    assert f"{len(others) + 1} message embeddings" in " ".join(question.split())
    assert 'name="select_across" value="1"' in question
    act(admin_client, address, "embed_again", failed, select_across="1", confirmed="yes")
    assert set(MessageEmbedding.objects.exclude(status="pending")) == {untouched}


def test_messages_are_embedded_again_under_the_current_model_only(admin_client, failed):
    old = embedding_of(failed.message, model="another model", status="failed")
    act(admin_client, MESSAGES, "embed_again", failed.message, confirmed="yes")
    old.refresh_from_db()
    assert old.status == "failed"


# --- Deleting ---------------------------------------------------------------------------------------------------------


def test_deleting_messages_asks_first(admin_client):
    message = MessageFactory.create()
    assert "Delete these messages?" in act(admin_client, MESSAGES, "delete_selected", message)
    assert Message.objects.exists()


def test_deleted_messages_take_their_vectors_along(admin_client):
    messages = MessageFactory.create_batch(3)
    for message in messages:
        embedding_of(message)
    embed_all()
    page = act(admin_client, MESSAGES, "delete_selected", *messages[:2], confirmed="yes")
    assert "Deleted messages: 2." in page
    assert list(Message.objects.all()) == messages[2:]
    assert set(EmbeddingWindow.objects.values_list("message", flat=True)) == {messages[2].pk}


def test_a_message_is_deleted_on_its_page(admin_client, failed):
    admin_client.post(delete(failed.message), {"post": "yes"})
    assert not Message.objects.exists()
    assert not MessageEmbedding.objects.exists()


def test_a_conversation_goes_with_its_messages(admin_client, failed):
    kept = MessageFactory.create()
    act(admin_client, CONVERSATIONS, "delete_selected", failed.message.conversation, confirmed="yes")
    assert list(Conversation.objects.all()) == [kept.conversation]
    assert list(Message.objects.all()) == [kept]


def test_a_conversation_is_deleted_on_its_page(admin_client, failed):
    admin_client.post(delete(failed.message.conversation), {"post": "yes"})
    assert not Message.objects.exists()


def test_too_many_at_once_are_not_deleted(admin_client, monkeypatch):
    monkeypatch.setattr("memories.admin.base.DELETED_AT_ONCE", 2)
    messages = MessageFactory.create_batch(3)
    assert "at most 2 at once" in act(admin_client, MESSAGES, "delete_selected", *messages, confirmed="yes")
    assert Message.objects.count() == 3


def test_the_log_of_changes_keeps_no_words(admin_client):
    changed, deleted, chosen = (MessageFactory.create(content="a secret") for _ in range(3))
    admin_client.post(change(changed), {"archived": "on"} | inline_form())
    admin_client.post(delete(deleted), {"post": "yes"})
    act(admin_client, MESSAGES, "delete_selected", chosen, confirmed="yes")
    entries = LogEntry.objects.all()
    assert {entry.object_id for entry in entries} == {str(one.pk) for one in (changed, deleted, chosen)}
    assert not any("secret" in f"{entry.object_repr} {entry.change_message}" for entry in entries)


def test_an_embedding_is_not_deleted_by_hand(admin_client, failed):
    assert admin_client.post(delete(failed), {"post": "yes"}).status_code == 403


def test_tenants_are_offered_by_what_is_typed(admin_client):
    TenantFactory.create(slug="shop")
    TenantFactory.create(slug="clinic")
    field = {"app_label": "memories", "model_name": "message", "field_name": "tenant", "term": "sho"}
    results = admin_client.get(reverse("admin:autocomplete"), field).json()["results"]
    assert [one["text"] for one in results] == ["shop"]


def test_a_deletion_is_in_the_audit_trail_without_the_text(admin_client):
    message = MessageFactory.create(content="a secret")
    act(admin_client, MESSAGES, "delete_selected", message, confirmed="yes")
    event = AuditEvent.objects.get(action="admin.deleted")
    assert (event.tenant, event.object_type, event.object_id) == (message.tenant, "message", str(message.pk))
    assert event.detail == {}
