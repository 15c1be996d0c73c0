"""`/v1/recall`: facts that answer a question."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from memories.facts import working
from memories.facts.reading import reader
from memories.models import FactVector
from memories.providers.base import model_key
from memories.providers.mock import MockProvider
from memories.tests.api.calls import complaint
from memories.tests.factories import FactFactory
from tenants import keys
from tenants.tests.plain_login import PlainClient

pytestmark = pytest.mark.django_db
YESTERDAY = timezone.now() - timedelta(days=1)
ASKED = {"user_id": "maya", "query": "Where do I live?"}


def fact(maya, content="Lives in Austin.", **more):
    made = FactFactory.create(**{"end_user": maya, "content": content, "slot": "location"} | more)
    (vector,) = MockProvider().embed_documents([content])
    FactVector.objects.create(tenant=maya.tenant, fact=made, model=model_key(MockProvider()), vector=vector)
    return made


@pytest.fixture
def austin(maya):
    return fact(maya, category="biographical")


def recalled(api, **changes):
    response = api.post("/v1/recall", ASKED | changes)
    assert response.status_code == 200, response.content
    assert response.json().keys() == {"relevant_facts"}
    return response.json()["relevant_facts"]


def contents(found):
    return [one["content"] for one in found]


def test_a_fact_that_answers_comes_whole_and_with_its_score(api, austin):
    (found,) = recalled(api)
    assert 0 < found.pop("score") <= 1
    assert found == api.get("/v1/facts/maya").json()["facts"][0]


def test_a_question_that_nothing_answers_gets_nothing(api, austin):
    assert recalled(api, query="Which instrument does she play?") == []


def test_a_limit_is_kept(api, maya, austin):
    for n in range(6):
        fact(maya, f"Lives in house number {n}.", slot=None)
    assert len(recalled(api)) == 5
    assert len(recalled(api, limit=2)) == 2
    assert len(recalled(api, limit=20)) == 7


def test_categories_and_age_are_filters(api, maya, austin):
    assert contents(recalled(api, categories=["biographical", "learning"])) == ["Lives in Austin."]
    assert recalled(api, categories=["learning"]) == []
    austin.last_refreshed_at = timezone.now() - timedelta(days=3)
    austin.save()
    assert (len(recalled(api, max_age_days=4)), len(recalled(api, max_age_days=2))) == (1, 0)


@pytest.mark.parametrize("changes", [{"categories": None, "max_age_days": None}, {"categories": []}])
def test_filters_without_a_value_filter_nothing(api, austin, changes):
    assert len(recalled(api, **changes)) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 1),
        ({"include_historical": True}, 2),
        ({"current_view_only": False}, 2),
        ({"current_view_only": True, "include_historical": False}, 1),
    ],
)
def test_what_holds_no_more_is_recalled_when_asked_for(api, maya, austin, changes, expected):
    fact(maya, "Lives in Dallas.", standing="superseded", said_at=YESTERDAY, valid_until=YESTERDAY, replaced_by=austin)
    assert len(recalled(api, **changes)) == expected


def test_of_somebody_unknown_nothing_is_recalled(api):
    assert recalled(api, user_id="nobody") == []


def test_a_user_is_named_by_our_id_too(api, maya, austin):
    assert len(recalled(api, user_id=str(maya.pk))) == 1


def test_what_is_recalled_is_the_tenants_and_the_users_alone(other_api, ben_api, maya, austin):
    for stranger in (other_api, ben_api):
        for user_id in ("maya", str(maya.pk)):
            assert recalled(stranger, user_id=user_id) == []


def test_with_a_key_of_their_own_a_user_need_not_be_named(maya_api, austin):
    response = maya_api.post("/v1/recall", {"query": ASKED["query"]})
    assert contents(response.json()["relevant_facts"]) == ["Lives in Austin."]


def test_a_key_that_only_reads_may_recall(tenant, austin):
    client = PlainClient()
    client.credentials(HTTP_X_API_KEY=keys.issue(tenant, name="reader", scopes=["read"])[1])
    assert len(recalled(client)) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"user_id": None}, (400, "required", "user_id")),
        ({"query": ""}, (400, "blank", "query")),
        ({"query": "x" * 8001}, (400, "max_length", "query")),
        ({"query": "a\0"}, (400, "null_characters_not_allowed", "query")),
        ({"limit": 0}, (400, "min_value", "limit")),
        ({"limit": 21}, (400, "max_value", "limit")),
        ({"limit": "5"}, (400, "invalid", "limit")),
        ({"categories": ["hobbies"]}, (400, "invalid_choice", "categories.0")),
        ({"categories": "learning"}, (400, "not_a_list", "categories")),
        ({"max_age_days": 0}, (400, "min_value", "max_age_days")),
        ({"max_age_days": 36_501}, (400, "max_value", "max_age_days")),
        ({"current_view_only": "true"}, (400, "invalid", "current_view_only")),
        ({"top_k": 5}, (400, "unknown_field", "top_k")),
        ({"tenant_id": "another"}, (403, "permission_denied", None)),
    ],
)
def test_a_question_that_cannot_be_is_refused(api, changes, expected):
    assert complaint(api.post("/v1/recall", ASKED | changes)) == expected


def test_a_question_is_required(api):
    assert complaint(api.post("/v1/recall", {"user_id": "maya"})) == (400, "required", "query")


def test_what_was_ingested_is_recalled_with_its_source_once_its_job_is_done(api):
    turn = {"user_id": "maya", "session_id": "talk", "role": "user", "content": "I live in Austin, Texas."}
    queued = api.post("/v1/ingest", turn).json()
    assert recalled(api) == []
    assert working.work_off(reader=reader(), provider_for=lambda _: MockProvider(), only=[UUID(queued["job_id"])])
    assert api.get(f"/v1/jobs/{queued['job_id']}").json()["status"] == "succeeded"
    (found,) = recalled(api)
    assert found["source_message_id"] == queued["chat_log_id"]
    assert api.get(f"/v1/facts/{found['id']}/source").json()["content"] == turn["content"]
    assert api.get("/v1/timeline?user_id=maya&slot_hint=location").json()["current_fact"]["id"] == found["id"]
