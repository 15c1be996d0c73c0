"""`/v1/conscious`, and the profile and the consolidation of an end user."""

from datetime import UTC, datetime
from typing import Any

import pytest

from memories.models import Job, JobKind, Profile
from memories.tests.api.calls import complaint
from memories.tests.factories import FactFactory
from memories.tests.helpers import redis_client

pytestmark = pytest.mark.django_db
EMPTY: dict[str, Any] = {"summary": "", "key_traits": [], "updated_at": None}
WRITTEN = {"summary": "Lives in Austin.", "key_traits": ["Texan"], "updated_at": "2026-01-02T00:00:00Z"}


@pytest.fixture
def written(maya):
    return Profile.objects.create(
        tenant=maya.tenant,
        end_user=maya,
        summary="Lives in Austin.",
        key_traits=["Texan"],
        updated_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


@pytest.fixture
def essentials(maya):
    """Two essential facts, the weightier one last, and one that is not."""
    FactFactory.create(end_user=maya, content="Likes sushi.", is_essential=True)
    FactFactory.create(end_user=maya, content="Lives in Austin.", slot="location", is_essential=True)
    FactFactory.create(end_user=maya, content="Likes rain.")


def conscious(api, path="/maya", **query):
    response = api.get(f"/v1/conscious{path}", query)
    assert response.status_code == 200, response.content
    return response.json()


def contents(answer):
    return [one["content"] for one in answer["essential_facts"]]


# --- Conscious ------------------------------------------------------------------------------------------------------


def test_the_essential_facts_come_with_the_profile_the_weightiest_first(api, essentials, written):
    answer = conscious(api)
    assert answer.keys() == {"user_id", "essential_facts", "relevant_facts", "profile"}
    assert (answer["user_id"], answer["profile"]) == ("maya", WRITTEN)
    assert contents(answer) == ["Lives in Austin.", "Likes sushi."]


def test_both_lists_are_the_same_and_their_facts_whole(api, essentials):
    answer = conscious(api)
    listed = api.get("/v1/facts/maya").json()["facts"]
    assert answer["essential_facts"] == answer["relevant_facts"]
    assert all(one in listed for one in answer["essential_facts"])


def test_no_more_facts_than_asked_for(api, essentials):
    assert contents(conscious(api, max_facts=1)) == ["Lives in Austin."]


def test_a_user_is_named_by_our_id_too(api, maya, essentials):
    answer = conscious(api, f"/{maya.pk}")
    assert (answer["user_id"], len(answer["essential_facts"])) == ("maya", 2)


def test_a_key_of_a_user_says_who_it_is_about(maya_api, essentials):
    assert conscious(maya_api, "") == conscious(maya_api)
    assert conscious(maya_api, "")["user_id"] == "maya"


def test_a_key_of_the_tenant_does_not(api):
    assert complaint(api.get("/v1/conscious")) == (400, "required", "user_id")


def test_of_somebody_unknown_nothing_is_known(api):
    nothing = {"user_id": "nobody", "essential_facts": [], "relevant_facts": [], "profile": EMPTY}
    assert conscious(api, "/nobody") == nothing


def test_what_is_known_is_the_tenants_and_the_users_alone(other_api, ben_api, essentials, written):
    for stranger in (other_api, ben_api):
        answer = conscious(stranger)
        assert (answer["essential_facts"], answer["profile"]) == ([], EMPTY)


@pytest.mark.parametrize(
    ("query", "field"), [("max_facts=0", "max_facts"), ("max_facts=101", "max_facts"), ("x=1", "x")]
)
@pytest.mark.parametrize("path", ["", "/maya"])
def test_a_bad_query_is_refused(maya_api, path, query, field):
    assert complaint(maya_api.get(f"/v1/conscious{path}?{query}"))[::2] == (400, field)


# --- Profile --------------------------------------------------------------------------------------------------------


def test_a_profile_is_as_it_was_written(api, maya, written):
    for user_id in ("maya", maya.pk):
        assert api.get(f"/v1/users/{user_id}/profile").json() == WRITTEN


@pytest.mark.parametrize("user_id", ["maya", "nobody"])
def test_until_one_is_written_it_is_empty(api, maya, user_id):
    response = api.get(f"/v1/users/{user_id}/profile")
    assert (response.status_code, response.json()) == (200, EMPTY)


def test_a_profile_is_the_tenants_and_the_users_alone(other_api, ben_api, maya_api, written):
    assert [one.get("/v1/users/maya/profile").json() for one in (other_api, ben_api)] == [EMPTY] * 2
    assert maya_api.get("/v1/users/maya/profile").json() == WRITTEN


# --- Consolidation --------------------------------------------------------------------------------------------------


def test_a_consolidation_is_queued(api, maya, commit):
    with commit():
        response = api.post("/v1/users/maya/consolidate")
    job = Job.objects.get()
    assert response.status_code == 202
    assert response.json().keys() == {"status", "message", "job_id"}
    assert (response.json()["status"], response.json()["job_id"]) == ("queued", str(job.pk))
    assert (job.kind, job.end_user) == (JobKind.CONSOLIDATE, maya)
    with redis_client() as client:
        assert client.llen("extract") == 1


def test_one_that_waits_already_is_the_answer(api, maya):
    first, second = (api.post(f"/v1/users/{maya.pk}/consolidate").json() for _ in range(2))
    assert first == second


def test_a_repeat_queues_nothing(api, maya):
    first = api.post("/v1/users/maya/consolidate", headers={"Idempotency-Key": "k"})
    Job.objects.all().delete()
    again = api.post("/v1/users/maya/consolidate", headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()) == (202, first.json())
    assert not Job.objects.exists()


def test_who_is_unknown_or_of_others_is_not_found(api, other_api, ben_api, maya):
    answers = [api.post("/v1/users/nobody/consolidate")]
    answers += [one.post("/v1/users/maya/consolidate") for one in (other_api, ben_api)]
    assert [complaint(one) for one in answers] == [(404, "not_found", None)] * 3
    assert not Job.objects.exists()


def test_users_have_their_own_facts_consolidated(maya_api):
    assert maya_api.post("/v1/users/maya/consolidate").status_code == 202
