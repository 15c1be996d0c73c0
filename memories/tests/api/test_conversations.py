"""Conversations: create, read, change, delete, their turns, their numbers."""

from datetime import timedelta

import pytest
from django.utils import timezone

from memories.models import Conversation, EmbeddingWindow, Message
from memories.tests.api.calls import complaint, ids, new, stored

pytestmark = pytest.mark.django_db
FIELDS = {
    "id", "tenant_id", "conversation_id", "title", "metadata", "message_count", "last_message_at", "created_at",
    "updated_at",
}  # fmt: skip


@pytest.fixture
def talk(api):
    """A conversation with a title."""
    return api.post("/v1/conversations", {"conversation_id": "talk", "title": "Plans", "metadata": {"a": 1}}).json()


def test_a_new_conversation_is_201(api, tenant):
    response = api.post("/v1/conversations", {"conversation_id": "x", "title": "Plans"})
    body = response.json()
    assert response.status_code == 201
    assert body.keys() == FIELDS
    assert (body["tenant_id"], body["title"], body["metadata"]) == (tenant.slug, "Plans", {})
    assert (body["message_count"], body["last_message_at"]) == (0, None)


def test_an_id_that_is_taken_is_409(api, talk):
    again = api.post("/v1/conversations", {"conversation_id": "talk", "title": "Other"})
    assert complaint(again) == (409, "conversation_exists", None)
    assert Conversation.objects.get().title == "Plans"


def test_two_tenants_may_use_the_same_id(api, other_api, talk):
    assert other_api.post("/v1/conversations", {"conversation_id": "talk"}).status_code == 201


def test_a_conversation_born_of_a_message_can_be_read(api):
    stored(api, conversation_id="born")
    shown = api.get("/v1/conversations/born").json()
    assert (shown["title"], shown["message_count"]) == ("", 1)


def test_the_list_has_the_newest_first(api, other_api):
    for name in ("one", "two", "three"):
        stored(api, conversation_id=name)
    stored(other_api, conversation_id="foreign")
    listed = api.get("/v1/conversations").json()["items"]
    assert sorted(one["conversation_id"] for one in listed) == ["one", "three", "two"]
    assert [one["created_at"] for one in listed] == sorted((one["created_at"] for one in listed), reverse=True)


@pytest.mark.parametrize("method", ["put", "patch"])
@pytest.mark.parametrize("change", [{"title": "New"}, {"title": ""}, {"metadata": {"b": [1]}}, {"metadata": {}}])
def test_title_and_metadata_can_be_changed(api, talk, method, change):
    changed = getattr(api, method)("/v1/conversations/talk", change)
    expected = {"title": "Plans", "metadata": {"a": 1}} | change
    assert changed.status_code == 200
    assert {key: api.get("/v1/conversations/talk").json()[key] for key in expected} == expected


@pytest.mark.parametrize("change", [{}, {"conversation_id": "other"}, {"title": None}, {"title": "x" * 256}, []])
def test_a_senseless_change_is_refused(api, talk, change):
    assert complaint(api.patch("/v1/conversations/talk", change))[0] == 400
    assert Conversation.objects.get().title == "Plans"


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_another_tenants_conversation_is_a_404_on_every_method(api, other_api, talk, method):
    response = getattr(other_api, method)("/v1/conversations/talk", {"title": "x"} if method[0] == "p" else None)
    assert complaint(response)[:2] == (404, "not_found")
    assert Conversation.objects.get().title == "Plans"


@pytest.mark.parametrize("part", ["", "/messages", "/stats"])
def test_what_is_not_there_is_a_404(api, part):
    assert complaint(api.get(f"/v1/conversations/nowhere{part}"))[:2] == (404, "not_found")


def test_a_deleted_conversation_takes_its_messages_along(api, inline, commit):
    with commit():
        stored(api)
    kept = stored(api, conversation_id="kept")
    assert api.delete("/v1/conversations/talk").status_code == 204
    assert [str(one.pk) for one in Message.objects.all()] == [kept["id"]]
    assert not EmbeddingWindow.objects.exists()
    assert complaint(api.get("/v1/conversations/talk"))[0] == 404


def test_turns_come_oldest_first_without_the_archived(api):
    day = timezone.now() - timedelta(days=1)
    later, archived, earlier = (
        stored(api, created_at=(day + timedelta(hours=hours)).isoformat())["id"] for hours in (3, 2, 1)
    )
    api.patch(f"/v1/messages/{archived}", {"archived": True})
    stored(api, conversation_id="elsewhere")
    assert ids(api.get("/v1/conversations/talk/messages")) == [earlier, later]


def test_the_numbers_are_right(api):
    week_ago = timezone.now() - timedelta(days=7)
    first = stored(api, created_at=week_ago.isoformat())
    stored(api, created_at=(week_ago + timedelta(days=1)).isoformat(), role="assistant", importance_override=1.0)
    last = stored(api, role="assistant")
    stats = api.get("/v1/conversations/talk/stats").json()
    scores = [(0.4 * 0.5 + 0.14) / 0.6, 0.4 * 2 ** (-6 / 7) + 0.1 + 0.4, (0.4 + 0.1) / 0.6]
    assert stats["average_importance"] == pytest.approx(sum(scores) / 3, abs=1e-4)
    assert stats["counts_by_role"] == {"user": 1, "assistant": 2, "system": 0, "tool": 0}
    assert (stats["message_count"], stats["first_message_at"], stats["last_message_at"]) == (
        3, first["created_at"], last["created_at"],
    )  # fmt: skip


def test_an_empty_conversation_has_no_average(api, talk):
    stats = api.get("/v1/conversations/talk/stats").json()
    assert (stats["title"], stats["metadata"], stats["message_count"]) == ("Plans", {"a": 1}, 0)
    assert (stats["average_importance"], stats["first_message_at"], stats["last_message_at"]) == (None, None, None)


def test_activity_follows_the_messages(api, talk):
    stored(api)
    last = stored(api)
    api.delete(f"/v1/messages/{stored(api, created_at='2020-01-01T00:00:00Z')['id']}")
    shown = api.get("/v1/conversations/talk").json()
    assert (shown["message_count"], shown["last_message_at"]) == (2, last["created_at"])


def test_a_batch_goes_to_conversations_that_stand(api, talk):
    api.post("/v1/messages/batch", {"messages": [new(), new()]})
    assert api.get("/v1/conversations/talk").json()["message_count"] == 2
