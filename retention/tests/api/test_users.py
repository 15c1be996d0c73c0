"""`/v1/users/{user_id}`: read in one room and erased in another, at one address."""

import pytest

from memories.tests.api.calls import complaint
from tenants.models import EndUser, IdempotencyKey

pytestmark = pytest.mark.django_db(transaction=True)  # an erasure has transactions of its own, and vacuums after them


def test_a_user_is_read_until_erased(api) -> None:
    api.post("/v1/users", {"external_id": "maya"})
    assert api.get("/v1/users/maya").json()["external_id"] == "maya"
    assert api.delete("/v1/users/maya").json()["complete"] is True
    assert complaint(api.get("/v1/users/maya")) == (404, "not_found", None)


def test_the_answers_kept_for_repeats_go_with_a_user(api) -> None:
    once = {"headers": {"Idempotency-Key": "k"}}
    api.post("/v1/users", {"external_id": "maya@example.org", "metadata": {"plan": "gold"}}, **once)
    receipt = api.delete("/v1/users/maya@example.org").json()
    assert (receipt["complete"], receipt["counts"]["idempotency_keys"]) == (True, 1)
    assert not IdempotencyKey.objects.exists()
    assert not EndUser.objects.exists()


@pytest.mark.parametrize("user_id", ["%00", "a" * 256])
def test_what_can_be_no_id_is_not_found(api, user_id) -> None:
    assert complaint(api.delete(f"/v1/users/{user_id}")) == (404, "not_found", None)
