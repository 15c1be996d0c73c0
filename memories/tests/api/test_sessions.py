"""`/v1/sessions`, `/v1/ingest` and `/v1/history`."""

from datetime import UTC, datetime, timedelta

import pytest

from memories.models import Conversation, Job, JobKind, Message, MessageEmbedding
from memories.tests.api.calls import complaint
from memories.tests.factories import ConversationFactory, MessageFactory
from tenants.models import EndUser
from tenants.tests.factories import EndUserFactory

pytestmark = pytest.mark.django_db
SESSIONS, INGEST = "/v1/sessions", "/v1/ingest"
TURN = {"user_id": "maya", "session_id": "talk", "role": "user", "content": "I live in Austin."}


def ingested(api, **changes):
    response = api.post(INGEST, TURN | changes)
    assert response.status_code == 201, response.content
    return response.json()


def history(api, session_id, **query):
    response = api.get(f"/v1/history/{session_id}", query)
    assert response.status_code == 200, response.content
    return response.json()


def contents(answer):
    return [one["content"] for one in answer["messages"]]


# --- Sessions -------------------------------------------------------------------------------------------------------


def test_a_session_begins_for_a_user_who_comes_into_being_with_it(api, tenant):
    response = api.post(SESSIONS, {"user_id": "maya"})
    assert response.status_code == 201
    assert response.json().keys() == {"id", "user_id", "created_at"}
    assert response.json()["user_id"] == "maya"
    assert Conversation.objects.get().end_user == EndUser.objects.get(tenant=tenant, external_id="maya")


def test_a_session_is_a_conversation_under_its_own_id(api):
    session = api.post(SESSIONS, {"user_id": "maya"}).json()["id"]
    assert api.get(f"/v1/conversations/{session}").json()["id"] == session
    ingested(api, session_id=session)
    assert contents(history(api, session)) == [TURN["content"]]


def test_a_session_is_for_a_user_by_our_id_too(api, maya):
    assert api.post(SESSIONS, {"user_id": str(maya.pk)}).json()["user_id"] == "maya"
    assert EndUser.objects.get() == maya


def test_a_repeat_begins_no_second_session(api):
    first, again = (api.post(SESSIONS, {"user_id": "maya"}, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (again.status_code, again.json()) == (201, first.json())
    assert Conversation.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, "required", "user_id")),
        ({"user_id": ""}, (400, "blank", "user_id")),
        ({"user_id": None}, (400, "required", "user_id")),
        ({"user_id": "a" * 256}, (400, "max_length", "user_id")),
        ({"user_id": "maya", "title": "x"}, (400, "unknown_field", "title")),
        ({"user_id": "maya", "tenant_id": "another"}, (403, "permission_denied", None)),
    ],
)
def test_a_session_that_cannot_be_is_refused(api, body, expected):
    assert complaint(api.post(SESSIONS, body)) == expected
    assert not Conversation.objects.exists()


def test_with_a_key_of_their_own_a_user_need_not_be_named(maya_api):
    assert maya_api.post(SESSIONS, {}).json()["user_id"] == "maya"


@pytest.mark.parametrize("path", [SESSIONS, INGEST])
@pytest.mark.parametrize("whose", ["maya", "nobody-yet"])
def test_a_user_begins_and_says_nothing_for_another(ben_api, maya, path, whose):
    body = {"user_id": whose} if path == SESSIONS else TURN | {"user_id": whose}
    assert complaint(ben_api.post(path, body)) == (403, "permission_denied", None)
    assert not Conversation.objects.exists()


# --- Ingest ---------------------------------------------------------------------------------------------------------


def test_a_turn_is_stored_and_queued_for_embedding_and_extraction(api, tenant):
    answer = ingested(api)
    message = Message.objects.get(end_user__external_id="maya", conversation__external_id="talk")
    assert answer == {"status": "queued", "job_id": str(Job.objects.get().pk), "chat_log_id": str(message.pk)}
    assert (message.content, message.role) == ("I live in Austin.", "user")
    assert Job.objects.get().kind == JobKind.EXTRACT
    assert MessageEmbedding.objects.get().message == message


def test_its_job_and_its_message_can_be_looked_up(api):
    answer = ingested(api)
    assert api.get(f"/v1/jobs/{answer['job_id']}").json()["status"] == "queued"
    assert api.get(f"/v1/messages/{answer['chat_log_id']}").json()["user_id"] == "maya"


def test_all_that_a_message_may_have_a_turn_may_have(api):
    ingested(api, metadata={"a": 1}, created_at="2026-01-02T03:04:05Z", external_id="turn-1")
    message = Message.objects.get()
    assert (message.metadata, message.external_id) == ({"a": 1}, "turn-1")
    assert message.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_session_is_meant_by_our_id_of_it_too(api, tenant, maya):
    talk = ConversationFactory.create(tenant=tenant, external_id="talk", end_user=maya)
    ingested(api, session_id=str(talk.pk))
    assert Message.objects.get().conversation == talk


def test_a_turn_that_was_ingested_before_is_not_stored_twice(api):
    first, again = (ingested(api, external_id="turn-1") for _ in range(2))
    assert again == first
    assert Message.objects.count() == 1


def test_a_turn_whose_job_is_long_done_has_none(api):
    ingested(api, external_id="turn-1")
    Job.objects.all().delete()
    assert ingested(api, external_id="turn-1")["job_id"] is None


def test_a_repeat_of_the_request_stores_nothing(api):
    first, again = (api.post(INGEST, TURN, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (again.status_code, again.json()) == (201, first.json())
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"user_id": ""}, (400, "blank", "user_id")),
        ({"user_id": None}, (400, "required", "user_id")),
        ({"session_id": "a b"}, (400, "invalid", "session_id")),
        ({"role": "robot"}, (400, "invalid_choice", "role")),
        ({"content": " "}, (400, "blank", "content")),
        ({"content": "a\0b"}, (400, "null_characters_not_allowed", "content")),
        ({"created_at": "2999-01-01T00:00:00Z"}, (400, "in_the_future", "created_at")),
        ({"metadata": {"a": {"b": {"c": {"d": {}}}}}}, (400, "too_deep", "metadata")),
        ({"conversation_id": "talk"}, (400, "unknown_field", "conversation_id")),
        ({"tenant_id": "another"}, (403, "permission_denied", None)),
    ],
)
def test_a_turn_that_cannot_be_is_refused(api, changes, expected):
    assert complaint(api.post(INGEST, TURN | changes)) == expected
    assert not Message.objects.exists()


@pytest.mark.parametrize("field", TURN)
def test_a_turn_needs_all_of_its_fields(api, field):
    body = {name: value for name, value in TURN.items() if name != field}
    assert complaint(api.post(INGEST, body)) == (400, "required", field)


def test_the_session_of_another_user_is_taken(api):
    ingested(api)
    assert complaint(api.post(INGEST, TURN | {"user_id": "ben"})) == (409, "session_id_taken", None)
    assert Message.objects.count() == 1


def test_a_user_who_meets_the_session_of_another_is_told_no_more(api, ben_api):
    ingested(api)
    body = {name: value for name, value in TURN.items() if name != "user_id"}
    assert complaint(ben_api.post(INGEST, body)) == (409, "session_id_taken", None)


def test_a_turn_is_its_users_without_saying_so(maya_api):
    response = maya_api.post(INGEST, {name: value for name, value in TURN.items() if name != "user_id"})
    assert response.status_code == 201
    assert Message.objects.get().end_user == EndUser.objects.get(external_id="maya")


def test_an_unknown_tenant_is_made_by_a_deployment_key(operator_api):
    ingested(operator_api, tenant_id="fresh")
    assert Message.objects.get().tenant.slug == "fresh"


# --- History --------------------------------------------------------------------------------------------------------


@pytest.fixture
def talk(tenant, maya):
    """A talk of four turns, a minute apart; the second is archived."""
    talk = ConversationFactory.create(tenant=tenant, external_id="talk", end_user=maya)
    for n in range(4):
        at = datetime(2026, 1, 1, 12, n, tzinfo=UTC)
        archived_at = at + timedelta(days=1) if n == 1 else None
        role = "assistant" if n % 2 else "user"
        MessageFactory.create(
            conversation=talk, end_user=maya, content=f"turn {n}", created_at=at, archived_at=archived_at, role=role
        )
    return talk


def test_a_history_has_the_turns_oldest_first_without_archived_ones(api, talk):
    answer = history(api, "talk")
    assert answer.keys() == {"session_id", "messages"}
    assert (answer["session_id"], contents(answer)) == ("talk", ["turn 0", "turn 2", "turn 3"])


def test_a_turn_of_a_history_is_as_documented(api, talk):
    (turn,) = history(api, "talk", limit=1)["messages"]
    assert turn == {
        "id": str(Message.objects.get(content="turn 3").pk),
        "session_id": "talk",
        "role": "assistant",
        "content": "turn 3",
        "timestamp": "2026-01-01T12:03:00Z",
    }


def test_a_limit_keeps_the_last_turns(api, talk):
    assert contents(history(api, "talk", limit=2)) == ["turn 2", "turn 3"]


def test_a_history_is_found_by_our_id_of_the_conversation(api, talk):
    answer = history(api, talk.pk)
    assert (answer["session_id"], len(answer["messages"])) == ("talk", 3)


def test_an_unknown_session_has_an_empty_history(api):
    assert history(api, "nothing-yet") == {"session_id": "nothing-yet", "messages": []}


def test_a_history_is_the_tenants_and_the_users_alone(other_api, ben_api, maya_api, talk):
    for session_id in ("talk", str(talk.pk)):
        for stranger in (other_api, ben_api):
            assert history(stranger, session_id) == {"session_id": session_id, "messages": []}
    assert len(history(maya_api, "talk")["messages"]) == 3


@pytest.mark.parametrize(("query", "field"), [("limit=0", "limit"), ("limit=501", "limit"), ("cursor=x", "cursor")])
def test_a_bad_query_is_refused(api, talk, query, field):
    assert complaint(api.get(f"/v1/history/talk?{query}"))[::2] == (400, field)


def test_what_can_be_no_session_is_not_found(api):
    assert complaint(api.get("/v1/history/a%20b"))[:2] == (404, "not_found")


def test_a_deployment_key_says_whose_history(operator_api, talk, tenant):
    assert len(history(operator_api, "talk", tenant_id=tenant.slug)["messages"]) == 3
    EndUserFactory.create(tenant__slug="default")
    assert history(operator_api, "talk")["messages"] == []
