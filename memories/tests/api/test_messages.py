"""Single messages: store, read, change, delete."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from memories.models import Conversation, EmbeddingWindow, Message, MessageEmbedding
from memories.tests.api.calls import MESSAGE_FIELDS, complaint, ids, new, stored
from memories.tests.factories import MessageFactory
from tenants.models import EndUser

pytestmark = pytest.mark.django_db


def test_a_message_is_accepted_with_202_and_pending(api, tenant):
    response = api.post("/v1/messages", new(metadata={"lang": "en"}, user_id="ann"))
    body = response.json()
    assert response.status_code == 202
    assert body.keys() == MESSAGE_FIELDS
    assert body["embedding_status"] == "pending"
    assert (body["tenant_id"], body["user_id"], body["metadata"]) == (tenant.slug, "ann", {"lang": "en"})


def test_a_new_id_is_a_uuid_of_version_7(api):
    assert uuid.UUID(stored(api)["id"]).version == 7


def test_times_are_utc_iso_8601(api):
    created_at = stored(api, created_at="2024-03-01T12:00:00+05:45")["created_at"]
    assert created_at == "2024-03-01T06:15:00Z"


def test_a_time_without_zone_is_utc(api):
    assert stored(api, created_at="2024-03-01T12:00:00")["created_at"] == "2024-03-01T12:00:00Z"


def test_storing_a_message_creates_its_conversation_and_user(api, tenant):
    stored(api, conversation_id="first", user_id="ann")
    assert Conversation.objects.get(tenant=tenant).external_id == "first"
    assert EndUser.objects.get(tenant=tenant).external_id == "ann"


def test_a_user_may_be_named_by_our_id(api, tenant):
    user = EndUser.objects.create(tenant=tenant)
    assert stored(api, user_id=str(user.pk))["user_id"] == str(user.pk)
    assert EndUser.objects.count() == 1


def test_content_is_trimmed(api):
    assert stored(api, content=" \n hello \t")["content"] == "hello"


@pytest.mark.parametrize("content", ["👩‍👩‍👧 🏳️‍🌈", "שלום עולם", "مرحبا", "你好，世界", "\u202eabc\u202c"])
def test_any_script_comes_back_as_it_was(api, content):
    message = stored(api, content=content, metadata={content: [content]})
    shown = api.get(f"/v1/messages/{message['id']}").json()
    assert (shown["content"], shown["metadata"]) == (content, {content: [content]})


def test_100_000_characters_are_taken(api):
    assert len(stored(api, content="ab " * 33_333 + "c")["content"]) == 100_000


def test_history_keeps_its_time_and_its_faded_importance(api):
    week_ago = timezone.now() - timedelta(days=7)
    message = stored(api, created_at=week_ago.isoformat())
    assert parse_datetime(message["created_at"]) == week_ago
    assert message["importance_score"] == pytest.approx((0.4 * 0.5 + 0.2 * 0.7) / 0.6, abs=1e-4)


def test_an_override_weighs_in(api):
    message = stored(api, importance_override=0.0)
    assert message["importance_override"] == 0.0
    assert message["importance_score"] == pytest.approx(0.4 + 0.2 * 0.7, abs=1e-4)


def test_a_repeated_external_id_returns_the_stored_message(api):
    first = stored(api, external_id="turn-1")
    again = api.post("/v1/messages", new(external_id="turn-1", content="something else"))
    assert again.status_code == 200
    assert (again.json()["id"], again.json()["content"]) == (first["id"], "Hello there")
    assert Message.objects.count() == 1


def test_an_external_id_is_unique_only_within_its_tenant(api, other_api):
    assert stored(api, external_id="turn-1")["id"] != stored(other_api, external_id="turn-1")["id"]


def test_inline_embedding_answers_200_and_completed(api, inline, commit):
    with commit():
        response = api.post("/v1/messages", new())
    assert response.status_code == 200
    assert api.get(f"/v1/messages/{response.json()['id']}").json()["embedding_status"] == "completed"


@pytest.mark.django_db(transaction=True)
def test_inline_embedding_is_completed_in_the_very_answer(api, inline):
    assert api.post("/v1/messages", new()).json()["embedding_status"] == "completed"
    batch = api.post("/v1/messages/batch", {"messages": [new(), new(content="")]}).json()
    assert [one["embedding_status"] for one in batch["created"]] == ["completed"]


@pytest.mark.django_db(transaction=True)
def test_inline_an_update_is_completed_in_the_very_answer(api, inline):
    message = stored(api)
    one = api.patch(f"/v1/messages/{message['id']}", {"content": "new words"}).json()
    update = {"message_id": message["id"], "update": {"content": "newer words"}}
    many = api.post("/v1/messages/batch/update", {"updates": [update]}).json()
    assert (one["embedding_status"], many["updated"][0]["embedding_status"]) == ("completed", "completed")


def test_a_stored_message_can_be_read(api):
    message = stored(api)
    shown = api.get(f"/v1/messages/{message['id']}")
    assert shown.status_code == 200
    assert shown.json().items() >= {key: message[key] for key in ("id", "content", "created_at", "role")}.items()


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_another_tenants_message_is_a_404_on_every_method(api, other_api, method):
    message = stored(api)
    response = getattr(other_api, method)(
        f"/v1/messages/{message['id']}", {"content": "x"} if method[0] == "p" else None
    )
    assert complaint(response) == (404, "not_found", None)
    assert Message.objects.get().content == "Hello there"


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_an_unknown_message_is_a_404(api, method):
    response = getattr(api, method)(f"/v1/messages/{uuid.uuid4()}", {"content": "x"} if method[0] == "p" else None)
    assert complaint(response)[:2] == (404, "not_found")


@pytest.mark.parametrize("method", ["put", "patch"])
@pytest.mark.parametrize(
    "change", [{"content": "new"}, {"metadata": {"a": 1}}, {"importance_override": 0.25}, {"importance_override": None}]
)
def test_fields_can_be_changed(api, method, change):
    message = stored(api, importance_override=0.5, metadata={"b": 2})
    response = getattr(api, method)(f"/v1/messages/{message['id']}", change)
    expected = {key: message[key] for key in ("content", "metadata", "importance_override")} | change
    assert response.status_code == 200
    assert {key: response.json()[key] for key in expected} == expected


def test_changed_content_is_embedded_again(api, inline, commit):
    with commit():
        message = stored(api)
    before = EmbeddingWindow.objects.get().vector
    with commit():
        shown = api.patch(f"/v1/messages/{message['id']}", {"content": "entirely new words"}).json()
    assert shown["embedding_status"] == "pending"
    assert list(EmbeddingWindow.objects.get().vector) != list(before)


def test_metadata_alone_is_not_embedded_again(api, inline, commit):
    with commit():
        message = stored(api)
    shown = api.patch(f"/v1/messages/{message['id']}", {"metadata": {"a": 1}}).json()
    assert shown["embedding_status"] == "completed"


def test_a_message_can_be_archived_and_restored(api):
    path = f"/v1/messages/{stored(api)['id']}"
    assert api.patch(path, {"archived": True}).json()["archived_at"]
    assert ids(api.get("/v1/messages")) == []
    assert api.patch(path, {"archived": False}).json()["archived_at"] is None


def test_archiving_again_keeps_the_first_time(api):
    path = f"/v1/messages/{stored(api)['id']}"
    first = api.patch(path, {"archived": True}).json()["archived_at"]
    assert api.patch(path, {"archived": True}).json()["archived_at"] == first


def test_a_deleted_message_takes_its_embedding_along(api, inline, commit):
    with commit():
        message = stored(api)
    response = api.delete(f"/v1/messages/{message['id']}")
    assert (response.status_code, response.content) == (204, b"")
    assert not MessageEmbedding.objects.exists()
    assert not EmbeddingWindow.objects.exists()
    assert complaint(api.get(f"/v1/messages/{message['id']}"))[0] == 404


def test_another_tenants_messages_are_not_listed(api, tenant):
    MessageFactory.create()
    mine = stored(api)["id"]
    assert ids(api.get("/v1/messages")) == [mine]
