"""`/v1/timeline`: what was true when, and what is true now."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from memories.tests.api.calls import complaint
from memories.tests.factories import FactFactory

pytestmark = pytest.mark.django_db
ENTRY = {
    "fact_id", "content", "category", "confidence", "temporal_state", "slot_hint", "valid_from", "valid_until",
    "replaced_by_id", "is_current",
}  # fmt: skip
MARCH, JUNE = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


def fact(maya, content, *, since=MARCH, **more):
    return FactFactory.create(end_user=maya, content=content, said_at=since, **more)


@pytest.fixture
def moved(maya):
    """From Austin to Dallas in June, with one doubtful word about Paris between."""
    dallas = fact(maya, "Lives in Dallas.", since=JUNE, slot="location")
    austin = fact(
        maya, "Lives in Austin.", slot="location", standing="superseded", valid_until=JUNE, replaced_by=dallas
    )
    fact(maya, "Lives in Paris.", since=MARCH + timedelta(days=9), slot="location", standing="not_accepted")
    return austin, dallas


def timeline(api, **query):
    response = api.get("/v1/timeline", {"user_id": "maya"} | query)
    assert response.status_code == 200, response.content
    assert response.json().keys() == {"slot_hint", "current_fact", "history"}
    return response.json()


def contents(answer):
    return [entry["content"] for entry in answer["history"]]


def current(answer):
    return answer["current_fact"] and answer["current_fact"]["content"]


def test_a_slot_is_told_oldest_first_with_what_is_current(api, moved):
    answer = timeline(api, slot_hint="location")
    assert (answer["slot_hint"], current(answer)) == ("location", "Lives in Dallas.")
    assert contents(answer) == ["Lives in Austin.", "Lives in Paris.", "Lives in Dallas."]
    assert [entry["is_current"] for entry in answer["history"]] == [False, False, True]


def test_an_entry_says_from_when_until_when_and_what_replaced_it(api, moved):
    austin, dallas = moved
    entry = timeline(api)["history"][0]
    assert entry.keys() == ENTRY
    assert 0.1 <= entry.pop("confidence") < 0.9
    assert entry == {
        "fact_id": str(austin.pk),
        "content": "Lives in Austin.",
        "category": "user_preference",
        "temporal_state": "current",
        "slot_hint": "location",
        "valid_from": "2026-03-01T00:00:00Z",
        "valid_until": "2026-06-01T00:00:00Z",
        "replaced_by_id": str(dallas.pk),
        "is_current": False,
    }


def test_the_current_fact_is_whole(api, moved):
    assert timeline(api)["current_fact"] == api.get("/v1/facts/maya").json()["facts"][0]


def test_without_history_only_what_stands_is_told(api, moved):
    answer = timeline(api, include_historical="false")
    assert (contents(answer), current(answer)) == (["Lives in Dallas."], "Lives in Dallas.")


@pytest.mark.parametrize("standing", ["removed", "corrected", "merged"])
def test_what_is_hidden_has_no_place(api, maya, standing):
    fact(maya, "Lives in Rome.", slot="location", standing=standing)
    assert timeline(api) == {"slot_hint": None, "current_fact": None, "history": []}


def test_filters_leave_what_meets_them(api, maya, moved):
    fact(maya, "Likes sushi.", since=JUNE, slot="food")
    fact(maya, "Is 34 years old.", slot="age", category="biographical")
    assert contents(timeline(api, slot_hint="food")) == ["Likes sushi."]
    assert contents(timeline(api, category="biographical")) == ["Is 34 years old."]


def test_the_current_fact_of_a_selection_is_the_most_recent(api, maya):
    fact(maya, "Likes sushi.", since=JUNE, slot="food")
    fact(maya, "Likes pasta.", slot="food")
    assert current(timeline(api, slot_hint="food")) == "Likes sushi."


def test_the_current_fact_of_a_single_slot_is_no_plan_and_no_habit(api, maya, moved):
    for state in ("future", "recurring", "past"):
        fact(maya, f"Lives in Nice ({state}).", since=JUNE + timedelta(days=9), slot="location", temporal_state=state)
    assert current(timeline(api, slot_hint="location")) == "Lives in Dallas."


def test_habits_are_current_and_plans_and_the_past_are_not(api, maya):
    for state in ("past", "future", "recurring"):
        fact(maya, f"Plays tennis ({state}).", slot="hobby", temporal_state=state)
    answer = timeline(api, slot_hint="hobby")
    assert {entry["temporal_state"]: entry["is_current"] for entry in answer["history"]} == {
        "past": False, "future": False, "recurring": True
    }  # fmt: skip
    assert current(answer) == "Plays tennis (recurring)."


def test_what_has_expired_is_not_current(api, maya):
    fact(maya, "Lives in Austin.", slot="location", valid_until=timezone.now())
    answer = timeline(api, slot_hint="location")
    assert (current(answer), [entry["is_current"] for entry in answer["history"]]) == (None, [False])


def test_of_somebody_unknown_nothing_is_told(api):
    assert timeline(api, user_id="nobody", slot_hint="age") == {"slot_hint": "age", "current_fact": None, "history": []}


def test_a_timeline_is_the_tenants_and_the_users_alone(other_api, ben_api, maya, moved):
    for stranger in (other_api, ben_api):
        for user_id in ("maya", str(maya.pk)):
            assert contents(timeline(stranger, user_id=user_id)) == []


def test_with_a_key_of_their_own_a_user_need_not_be_named(maya_api, moved):
    assert len(maya_api.get("/v1/timeline").json()["history"]) == 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (400, "required", "user_id")),
        ("user_id=", (400, "blank", "user_id")),
        ("user_id=maya&slot_hint=shoe_size", (400, "invalid_choice", "slot_hint")),
        ("user_id=maya&category=hobbies", (400, "invalid_choice", "category")),
        ("user_id=maya&include_historical=maybe", (400, "invalid", "include_historical")),
        ("user_id=maya&tenant_id=another", (403, "permission_denied", None)),
    ],
)
def test_a_bad_query_is_refused(api, query, expected):
    assert complaint(api.get(f"/v1/timeline?{query}")) == expected
