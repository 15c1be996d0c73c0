"""Two copies of one request at the same moment leave one row."""

from copy import copy
from functools import partial

import pytest

from memories.models import Conversation, Message, Reading
from memories.tests.api.calls import new
from memories.tests.helpers import at_once
from tenants.models import ApiKey, EndUser, IdempotencyKey, Tenant

pytestmark = pytest.mark.django_db(transaction=True)
COPIES = 4


def copies(api, path, body, **headers):
    """The answers to COPIES of one request, sent together, each by a client of its own."""
    return at_once(*[lambda: copy(api).post(path, body, headers=headers)] * COPIES)


def test_one_idempotency_key_leaves_one_message(api):
    answers = copies(api, "/v1/messages", new(), **{"Idempotency-Key": "k"})
    assert {answer.status_code for answer in answers} == {202}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert (Message.objects.count(), IdempotencyKey.objects.count()) == (1, 1)


def test_one_external_id_leaves_one_message(api):
    answers = copies(api, "/v1/messages", new(external_id="e"))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Message.objects.count() == 1


def test_one_external_id_in_batches_leaves_one_message(api):
    answers = copies(api, "/v1/messages/batch", {"messages": [new(external_id="e"), new(external_id="f")]})
    assert {answer.status_code for answer in answers} == {201}
    assert Message.objects.count() == 2


def test_first_messages_share_their_new_conversation_and_user(api):
    copies(api, "/v1/messages", new(user_id="ann"))
    assert (Message.objects.count(), Conversation.objects.count(), EndUser.objects.count()) == (COPIES, 1, 1)


def test_one_new_conversation_id_is_created_once(api):
    answers = copies(api, "/v1/conversations", {"conversation_id": "talk"})
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


def test_first_turns_share_their_new_session_and_user(api):
    turn = {"user_id": "ann", "session_id": "talk", "role": "user", "content": "I live in Austin."}
    answers = copies(api, "/v1/ingest", turn)
    assert {answer.status_code for answer in answers} == {201}
    assert (Message.objects.count(), Conversation.objects.count(), EndUser.objects.count()) == (COPIES, 1, 1)
    assert Reading.objects.count() == COPIES


def test_one_new_user_is_made_once(api):
    answers = copies(api, "/v1/users", {"external_id": "ann"})
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json()["errors"][0]["code"] for answer in answers if answer.status_code == 409} == {"user_exists"}


def test_of_keys_rotated_at_once_one_is_left(api):
    api.post("/v1/users", {"external_id": "ann"})
    answers = copies(api, "/v1/users/ann/api-key/rotate", {})
    assert {answer.status_code for answer in answers} == {201}
    assert ApiKey.objects.usable().filter(end_user__external_id="ann").count() == 1


def test_first_writes_share_their_new_tenant(operator_api):
    answers = copies(operator_api, "/v1/messages", new(tenant_id="fresh"))
    assert {answer.status_code for answer in answers} == {202}
    assert Tenant.objects.count() == 1


def test_two_batches_in_opposite_order_do_not_fail(api):
    """They may wait for each other: then one of them is told to try again, and nothing is stored twice."""
    items = [new(external_id=str(n)) for n in range(200)]
    batches = [{"messages": items}, {"messages": items[::-1]}]
    answers = at_once(*(partial(copy(api).post, "/v1/messages/batch", batch) for batch in batches))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert Message.objects.count() == 200
