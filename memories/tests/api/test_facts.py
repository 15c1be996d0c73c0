"""`/v1/facts`: listed, put right, removed, traced to their source."""

import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from memories.models import Fact, FactSource, FactVector, Job, Profile
from memories.tests.api.calls import FACT_FIELDS, complaint
from memories.tests.factories import ConversationFactory, FactFactory, MessageFactory
from memories.tests.helpers import calls_waiting
from memories.vocabulary import HIDDEN
from tenants.ids import new_id
from tenants.tests.factories import EndUserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def austin(maya):
    return FactFactory.create(end_user=maya, content="Lives in Austin.", slot="location", category="biographical")


@pytest.fixture
def said(tenant, maya, austin):
    """The message that Austin was said in."""
    talk = ConversationFactory.create(tenant=tenant, external_id="talk", end_user=maya)
    message = MessageFactory.create(conversation=talk, end_user=maya, content="I live in Austin. " + "Really! " * 40)
    FactSource.objects.create(tenant=tenant, fact=austin, message_id=message.pk)
    return message


def facts(api, user_id="maya", **query):
    response = api.get(f"/v1/facts/{user_id}", query)
    assert response.status_code == 200, response.content
    assert response.json().keys() == {"facts", "next_cursor"}
    return response.json()["facts"]


def contents(found):
    return [one["content"] for one in found]


# --- List -----------------------------------------------------------------------------------------------------------


def test_a_fact_has_all_that_is_documented(api, austin, said):
    (fact,) = facts(api)
    assert fact.keys() == FACT_FIELDS
    times = {name: fact.pop(name) for name in ("created_at", "last_refreshed_at", "valid_from")}
    assert all(one.endswith("Z") for one in times.values())
    assert fact == {
        "id": str(austin.pk),
        "category": "biographical",
        "content": "Lives in Austin.",
        "confidence": 0.9,
        "temporal_state": "current",
        "slot_hint": "location",
        "is_essential": False,
        "source_message_id": str(said.pk),
        "valid_until": None,
        "superseded_by": None,
    }


def test_confidence_is_that_of_the_moment(api, maya):
    FactFactory.create(end_user=maya, confidence=0.87654, said_at=timezone.now() - timedelta(days=65))
    assert facts(api)[0]["confidence"] == 0.71  # 0.87654 * 0.9 * 0.9


def test_only_what_stands_is_listed(api, maya, austin):
    for standing in ("superseded", "ended", "not_accepted", "removed", "corrected", "merged"):
        FactFactory.create(end_user=maya, standing=standing)
    yesterday = timezone.now() - timedelta(days=1)
    FactFactory.create(end_user=maya, said_at=yesterday, valid_until=yesterday)
    assert contents(facts(api)) == ["Lives in Austin."]


def test_a_list_is_found_by_our_id(api, maya, austin):
    assert len(facts(api, maya.pk)) == 1


def test_filters_leave_what_meets_them_all(api, maya, austin):
    FactFactory.create(end_user=maya, category="biographical", slot="age")
    FactFactory.create(end_user=maya, category="user_preference", slot="food")
    assert len(facts(api, category="biographical")) == 2
    assert contents(facts(api, slot_hint="location")) == ["Lives in Austin."]
    assert facts(api, category="user_preference", slot_hint="age") == []


def test_pages_hold_every_fact_once_the_newest_first(api, maya):
    made = [FactFactory.create(end_user=maya).content for _ in range(5)]
    first = api.get("/v1/facts/maya", {"limit": 3}).json()
    second = api.get("/v1/facts/maya", {"limit": 3, "cursor": first["next_cursor"]}).json()
    assert contents(first["facts"] + second["facts"]) == made[::-1]
    assert (len(first["facts"]), second["next_cursor"]) == (3, None)


def test_the_number_of_queries_does_not_grow_with_the_facts(api, maya):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            facts(api)
        return len(captured)

    FactFactory.create(end_user=maya)
    of_one = queries()  # and of finding the key, which is remembered for a moment
    FactFactory.create_batch(10, end_user=maya)
    assert queries() <= of_one


def test_of_somebody_unknown_there_are_no_facts(api):
    assert facts(api, "nobody") == []


def test_facts_are_the_tenants_and_the_users_alone(other_api, ben_api, maya_api, maya, austin):
    for user_id in ("maya", maya.pk):
        assert facts(other_api, user_id) == facts(ben_api, user_id) == []
    assert len(facts(maya_api)) == 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=0", (400, "min_value", "limit")),
        ("limit=1001", (400, "max_value", "limit")),
        ("category=hobbies", (400, "invalid_choice", "category")),
        ("slot_hint=shoe_size", (400, "invalid_choice", "slot_hint")),
        ("cursor=x", (400, "invalid_cursor", "cursor")),
        ("user_id=maya", (400, "unknown_field", "user_id")),
        ("tenant_id=another", (403, "permission_denied", None)),
    ],
)
def test_a_bad_query_is_refused(api, query, expected):
    assert complaint(api.get(f"/v1/facts/maya?{query}")) == expected


# --- Put right ------------------------------------------------------------------------------------------------------


def changed(api, fact, **changes):
    response = api.patch(f"/v1/facts/{fact.pk}", changes)
    assert response.status_code == 200, response.content
    return response.json()


def test_a_fact_that_is_put_right_says_so_and_is_certain(api, austin, said):
    answer = changed(api, austin, content="Lives in Dallas.")
    assert answer.keys() == FACT_FIELDS
    assert (answer["id"], answer["content"], answer["confidence"]) == (str(austin.pk), "Lives in Dallas.", 1.0)
    assert (answer["source_message_id"], answer["is_essential"]) == (str(said.pk), True)
    assert contents(facts(api)) == ["Lives in Dallas."]


def test_every_field_that_may_be_changed_is(api, austin):
    changes = {
        "content": "Spent a summer in Nice.",
        "category": "learning",
        "slot_hint": "topic",
        "temporal_state": "past",
        "valid_from": "2020-06-01T00:00:00Z",
        "valid_until": "2020-09-01T00:00:00Z",
    }
    answer = changed(api, austin, **changes)
    assert {name: answer[name] for name in changes} == changes


def test_a_slot_and_an_end_can_be_taken_away(api, austin):
    changed(api, austin, valid_until="2999-01-01T00:00:00Z")
    answer = changed(api, austin, slot_hint=None, valid_until=None)
    assert (answer["slot_hint"], answer["valid_until"]) == (None, None)


def test_what_takes_a_single_slot_supersedes_what_had_it(api, maya, austin):
    dallas = FactFactory.create(end_user=maya, content="Lives in Dallas.", category="biographical")
    changed(api, dallas, slot_hint="location")
    austin.refresh_from_db()
    assert (austin.standing, austin.replaced_by) == ("superseded", dallas)


def test_a_new_wording_is_embedded_and_the_profile_written_anew(api, tenant, maya, austin, commit):
    FactVector.objects.create(tenant=tenant, fact=austin, model="m", vector=np.ones(3))
    Profile.objects.create(tenant=tenant, end_user=maya, summary="Lives in Austin.", updated_at=timezone.now())
    with commit():
        changed(api, austin, content="Lives in Dallas.")
    assert not FactVector.objects.exists()
    assert calls_waiting() == 1
    assert Job.objects.get().kind == "consolidate"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (400, "empty_update", "non_field_errors")),
        ({"content": "I am"}, (400, "min_length", "content")),
        ({"content": "Austin"}, (400, "too_few_words", "content")),
        ({"content": "a " * 1001}, (400, "max_length", "content")),
        ({"content": None}, (400, "null", "content")),
        ({"category": "hobbies"}, (400, "invalid_choice", "category")),
        ({"category": None}, (400, "null", "category")),
        ({"slot_hint": "shoe_size"}, (400, "invalid_choice", "slot_hint")),
        ({"temporal_state": "sometimes"}, (400, "invalid_choice", "temporal_state")),
        ({"valid_from": "then"}, (400, "invalid", "valid_from")),
        ({"valid_from": None}, (400, "null", "valid_from")),
        ({"valid_until": "2000-01-01T00:00:00Z"}, (400, "before_valid_from", "valid_until")),
        ({"confidence": 1.0}, (400, "unknown_field", "confidence")),
    ],
)
def test_a_change_that_cannot_be_is_refused(api, austin, changes, expected):
    before = Fact.objects.values().get()
    assert complaint(api.patch(f"/v1/facts/{austin.pk}", changes)) == expected
    assert Fact.objects.values().get() == before


def test_a_fact_may_end_as_it_begins(api, austin):
    moment = "2026-01-01T00:00:00Z"
    assert changed(api, austin, valid_from=moment, valid_until=moment)["valid_until"] == moment


def test_two_thousand_characters_are_not_too_many(api, austin):
    assert len(changed(api, austin, content="ab " * 666 + "ab")["content"]) == 2000


# --- Removed --------------------------------------------------------------------------------------------------------


def test_what_is_removed_is_not_there_any_more(api, austin):
    assert api.delete(f"/v1/facts/{austin.pk}").status_code == 204
    assert facts(api) == []
    austin.refresh_from_db()
    assert austin.standing == "removed"
    assert complaint(api.delete(f"/v1/facts/{austin.pk}"))[:2] == (404, "not_found")


# --- Source ---------------------------------------------------------------------------------------------------------


def source(api, fact):
    response = api.get(f"/v1/facts/{fact.pk}/source")
    assert response.status_code == 200, response.content
    return response.json()


def test_a_source_is_the_message_with_a_preview(api, austin, said):
    assert source(api, austin) == {
        "fact_id": str(austin.pk),
        "source_message_id": str(said.pk),
        "session_id": "talk",
        "role": "user",
        "content": said.content,
        "content_preview": said.content[:200],
        "timestamp": said.created_at.isoformat().replace("+00:00", "Z"),
        "source_available": True,
    }


def test_a_source_that_was_deleted_leaves_its_id(api, austin, said):
    assert api.delete(f"/v1/messages/{said.pk}").status_code == 204
    answer = source(api, austin)
    kept = {name: answer.pop(name) for name in ("fact_id", "source_message_id", "source_available")}
    assert kept == {"fact_id": str(austin.pk), "source_message_id": str(said.pk), "source_available": False}
    assert answer == dict.fromkeys(("session_id", "role", "content", "content_preview", "timestamp"))
    assert facts(api)[0]["source_message_id"] == str(said.pk)


def test_of_several_sources_the_newest_that_still_exists_is_shown(api, tenant, austin, said):
    earlier = MessageFactory.create(conversation=said.conversation, created_at=said.created_at - timedelta(days=1))
    for message_id in (earlier.pk, uuid.UUID(int=2**128 - 1)):
        FactSource.objects.create(tenant=tenant, fact=austin, message_id=message_id)
    assert source(api, austin)["source_message_id"] == str(said.pk)
    assert facts(api)[0]["source_message_id"] == str(said.pk)


def test_of_several_sources_that_are_gone_the_last_is_named(api, tenant, austin):
    sources = [new_id() for _ in range(3)]
    for message_id in (sources[1], sources[2], sources[0]):
        FactSource.objects.create(tenant=tenant, fact=austin, message_id=message_id)
    assert source(api, austin)["source_message_id"] == str(sources[2])


def test_a_fact_without_a_source_says_so(api, austin):
    answer = source(api, austin)
    assert (answer["source_message_id"], answer["source_available"]) == (None, False)


# --- Of others, and of nobody -----------------------------------------------------------------------------------------

CALLS = [("patch", "", {"content": "Lives in Dallas."}), ("delete", "", None), ("get", "/source", None)]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_a_fact_of_others_is_not_found(other_api, ben_api, austin, method, path, body):
    before = Fact.objects.values().get()
    for stranger in (other_api, ben_api):
        response = getattr(stranger, method)(f"/v1/facts/{austin.pk}{path}", body)
        assert complaint(response) == (404, "not_found", None)
    assert Fact.objects.values().get() == before


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
@pytest.mark.parametrize("fact_id", ["nonsense", str(uuid.UUID(int=1)), "%00", "maya"])
def test_a_fact_of_nobody_is_not_found(api, maya, method, path, body, fact_id):
    assert complaint(getattr(api, method)(f"/v1/facts/{fact_id}{path}", body)) == (404, "not_found", None)


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
@pytest.mark.parametrize("standing", sorted(HIDDEN))
def test_a_fact_that_is_hidden_is_not_found(api, maya, method, path, body, standing):
    fact = FactFactory.create(end_user=maya, standing=standing)
    response = getattr(api, method)(f"/v1/facts/{fact.pk}{path}", body)
    assert complaint(response) == (404, "not_found", None)


def test_users_change_and_remove_what_is_known_of_them(maya_api, austin, said):
    assert changed(maya_api, austin, content="Lives in Dallas.")["source_message_id"] == str(said.pk)
    assert source(maya_api, austin)["source_available"] is True
    assert maya_api.delete(f"/v1/facts/{austin.pk}").status_code == 204


def test_a_deployment_key_says_whose_fact(operator_api, tenant, austin):
    EndUserFactory.create(tenant__slug="default")
    assert operator_api.delete(f"/v1/facts/{austin.pk}").status_code == 404
    assert operator_api.delete(f"/v1/facts/{austin.pk}?tenant_id={tenant.slug}").status_code == 204
