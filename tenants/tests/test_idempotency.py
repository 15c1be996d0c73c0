"""`Idempotency-Key`: the first answer stands."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tenants import idempotency, tasks
from tenants.models import IdempotencyKey

pytestmark = pytest.mark.django_db
NEW = {"conversation_id": "talk", "role": "user", "content": "Hello"}
CREATIONS: dict[str, dict[str, Any]] = {
    "/v1/messages": NEW,
    "/v1/messages/batch": {"messages": [NEW, {"role": "robot"}]},
    "/v1/conversations": {"conversation_id": "talk", "title": "Plans"},
}
KEY = {"Idempotency-Key": "k"}


def stored(api) -> int:
    return len(api.get("/v1/messages").json()["items"])


@pytest.mark.parametrize("path", CREATIONS)
def test_a_repeat_returns_the_first_response(api, path):
    first, again = (api.post(path, CREATIONS[path], headers=KEY) for _ in range(2))
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert stored(api) == (path != "/v1/conversations")


@pytest.mark.parametrize("path", CREATIONS)
def test_the_same_key_with_another_body_is_a_409(api, tenant, path):
    api.post(path, CREATIONS[path], headers=KEY)
    response = api.post(path, CREATIONS[path] | {"tenant_id": tenant.slug}, headers=KEY)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "idempotency_key_reused")
    assert stored(api) == (path != "/v1/conversations")


def test_the_same_key_at_another_address_is_a_409(api):
    api.post("/v1/messages", NEW, headers=KEY)
    assert api.post("/v1/conversations", CREATIONS["/v1/conversations"], headers=KEY).status_code == 409


def test_another_key_is_another_request(api):
    for key in ("a", "b"):
        api.post("/v1/messages", NEW, headers={"Idempotency-Key": key})
    assert stored(api) == 2


def test_two_tenants_may_use_the_same_key(operator_api):
    for tenant in ("one", "two"):
        assert operator_api.post("/v1/messages", NEW | {"tenant_id": tenant}, headers=KEY).status_code == 202
    assert IdempotencyKey.objects.count() == 2


def test_a_refusal_leaves_the_key_free(api):
    assert api.post("/v1/messages", NEW | {"role": "robot"}, headers=KEY).status_code == 400
    assert api.post("/v1/messages", NEW, headers=KEY).status_code == 202


def test_a_conflict_leaves_the_key_free(api):
    api.post("/v1/conversations", {"conversation_id": "talk"})
    assert api.post("/v1/conversations", {"conversation_id": "talk"}, headers=KEY).status_code == 409
    assert not IdempotencyKey.objects.exists()


def test_the_first_response_outlives_its_message(api, settings):
    settings.MEMORY_ASYNC_EMBEDDINGS = False
    first = api.post("/v1/messages", NEW, headers=KEY)
    api.delete(f"/v1/messages/{first.json()['id']}")
    again = api.post("/v1/messages", NEW, headers=KEY)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])


def test_old_keys_are_forgotten_and_young_ones_are_not(tenant):
    now = timezone.now()
    for key, age in (("old", 25), ("young", 23)):
        IdempotencyKey.objects.create(tenant=tenant, key=key, created_at=now - timedelta(hours=age))
    assert idempotency.forget_expired() == 1
    assert IdempotencyKey.objects.get().key == "young"


def test_the_task_forgets_them_too(tenant):
    IdempotencyKey.objects.create(tenant=tenant, key="old", created_at=timezone.now() - timedelta(hours=25))
    tasks.forget_idempotency_keys()
    assert not IdempotencyKey.objects.exists()
