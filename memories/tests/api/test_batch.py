"""Many messages at once: store, change, delete, each item answered for itself."""

import uuid

import pytest

from memories.models import EmbeddingWindow, Message, MessageEmbedding
from memories.tests.api.calls import complaint, new, post_raw, stored

pytestmark = pytest.mark.django_db


def create(api, *messages, **options):
    return api.post("/v1/messages/batch", {"messages": list(messages)}, **options)


def refused(response) -> list[tuple[int, str, str | None]]:
    return [(one["index"], one["code"], one["attr"]) for one in response.json()["errors"]]


def test_all_stored_is_201_in_the_order_given(api):
    response = create(api, *(new(content=str(n)) for n in range(20)))
    assert response.status_code == 201
    assert [one["content"] for one in response.json()["created"]] == [str(n) for n in range(20)]
    assert response.json()["errors"] == []


def test_each_stored_message_is_queued(api):
    create(api, new(), new(), new())
    assert MessageEmbedding.objects.filter(status="pending").count() == 3


def test_a_batch_may_span_conversations_and_users(api):
    created = create(api, new(conversation_id="a", user_id="x"), new(conversation_id="b", user_id="y")).json()[
        "created"
    ]
    assert [(one["conversation_id"], one["user_id"]) for one in created] == [("a", "x"), ("b", "y")]


def test_some_refused_is_207_with_the_reasons(api):
    response = create(api, new(), new(role="robot"), new(content=" "), new(content="last"))
    assert response.status_code == 207
    assert refused(response) == [(1, "invalid_choice", "role"), (2, "blank", "content")]
    assert [one["content"] for one in response.json()["created"]] == ["Hello there", "last"]


def test_all_refused_is_207_and_stores_nothing(api):
    response = create(api, new(colour="red"), {})
    assert (response.status_code, response.json()["created"]) == (207, [])
    assert refused(response)[0] == (0, "unknown_field", "colour")
    assert not Message.objects.exists()


def test_a_thousand_are_taken_and_one_more_is_not(api):
    assert create(api, *[new()] * 1000).status_code == 201
    assert complaint(create(api, *[new()] * 1001)) == (400, "max_length", "messages")
    assert Message.objects.count() == 1000


@pytest.mark.parametrize("messages", [[], None, "x", {"a": 1}, [1], [None], [[]]])
def test_what_is_no_list_of_objects_is_refused(api, messages):
    status, _, attr = complaint(api.post("/v1/messages/batch", {"messages": messages}))
    assert status == 400
    assert str(attr).startswith("messages")


def test_an_external_id_given_twice_is_stored_once(api):
    response = create(api, new(external_id="e", content="first"), new(external_id="e", content="second"))
    first, second = response.json()["created"]
    assert (response.status_code, first["id"], second["content"]) == (201, second["id"], "first")
    assert Message.objects.count() == 1


def test_an_external_id_that_stands_yields_the_stored_message(api):
    standing = stored(api, external_id="e")
    created = create(api, new(external_id="e", content="other"), new()).json()["created"]
    assert (created[0]["id"], created[0]["content"]) == (standing["id"], "Hello there")
    assert Message.objects.count() == 2


def test_an_item_of_another_tenant_is_refused_alone(api, tenant):
    response = create(api, new(tenant_id=tenant.slug), new(tenant_id="elsewhere"))
    assert response.status_code == 207
    assert refused(response) == [(1, "tenant_mismatch", "tenant_id")]


def test_the_items_may_name_the_tenant(operator_api):
    created = create(operator_api, new(tenant_id="acme"), new()).json()["created"]
    assert [one["tenant_id"] for one in created] == ["acme", "acme"]


def test_text_that_cannot_be_stored_is_refused_even_with_an_idempotency_key(api):
    items = '{"conversation_id": "c", "role": "\\u0000", "content": "x"}, {"\\ud800": 1}'
    response = post_raw(api, "/v1/messages/batch", f'{{"messages": [{items}]}}', headers={"Idempotency-Key": "k"})
    assert response.status_code == 207
    assert refused(response)[-1] == (1, "unknown_field", "\\ud800")


def test_updates_are_applied(api):
    one, two = stored(api), stored(api)
    updates = [
        {"message_id": one["id"], "update": {"content": "changed"}},
        {"message_id": two["id"], "update": {"archived": True, "metadata": {"a": 1}}},
    ]
    response = api.post("/v1/messages/batch/update", {"updates": updates})
    first, second = response.json()["updated"]
    assert response.status_code == 200
    assert (first["content"], second["metadata"], bool(second["archived_at"])) == ("changed", {"a": 1}, True)


def test_bad_updates_are_207_and_the_others_are_applied(api, other_api):
    mine, foreign = stored(api), stored(other_api)
    updates = [
        {"message_id": foreign["id"], "update": {"content": "stolen"}},
        {"message_id": mine["id"], "update": {"content": "changed"}},
        {"message_id": mine["id"], "update": {"role": "user"}},
        {"message_id": "5", "update": {}},
    ]
    response = api.post("/v1/messages/batch/update", {"updates": updates})
    assert response.status_code == 207
    assert [one["content"] for one in response.json()["updated"]] == ["changed"]
    assert refused(response)[:2] == [(0, "not_found", "message_id"), (2, "unknown_field", "update.role")]
    assert Message.objects.get(pk=foreign["id"]).content == "Hello there"


def test_deleted_are_gone_with_their_vectors(api, inline, commit):
    with commit():
        messages = [stored(api)["id"] for _ in range(3)]
    response = api.post("/v1/messages/batch/delete", {"message_ids": messages[:2]})
    assert (response.status_code, response.json()) == (200, {"deleted": messages[:2], "errors": []})
    assert [str(one.message_id) for one in EmbeddingWindow.objects.all()] == messages[2:]


def test_what_is_not_there_or_not_mine_is_207(api, other_api):
    mine, foreign, unknown = stored(api)["id"], stored(other_api)["id"], str(uuid.uuid4())
    response = api.post("/v1/messages/batch/delete", {"message_ids": [foreign, mine, unknown]})
    assert (response.status_code, response.json()["deleted"]) == (207, [mine])
    assert refused(response) == [(0, "not_found", "message_id"), (2, "not_found", "message_id")]
    assert [str(one.pk) for one in Message.objects.all()] == [foreign]


@pytest.mark.parametrize("message_ids", [[], ["x"], [None], [{}], [5.5], "x", None])
def test_what_is_no_list_of_ids_deletes_nothing(api, message_ids):
    mine = stored(api)["id"]
    response = api.post(
        "/v1/messages/batch/delete", {"message_ids": [mine, *message_ids] if message_ids else message_ids}
    )
    assert complaint(response)[0] == 400
    assert Message.objects.count() == 1
