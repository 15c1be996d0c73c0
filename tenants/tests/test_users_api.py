"""`/v1/users`: end users made, read and listed, and their keys."""

import uuid

import pytest

from tenants import keys
from tenants.models import ApiKey, AuditEvent, EndUser, Scope, Tenant
from tenants.tests.factories import EndUserFactory, TenantFactory
from tenants.tests.plain_login import PlainClient

pytestmark = pytest.mark.django_db
USERS = "/v1/users"
FIELDS = {"id", "external_id", "metadata", "created_at"}


def client_with(key: str) -> PlainClient:
    client = PlainClient()
    client.credentials(HTTP_X_API_KEY=key)
    return client


@pytest.fixture
def maya(tenant):
    return EndUserFactory.create(tenant=tenant, external_id="maya", metadata={"plan": "gold"})


@pytest.fixture
def maya_api(maya):
    return client_with(keys.issue(maya.tenant, name="app", end_user=maya)[1])


@pytest.fixture
def other_api(db):
    return client_with(keys.issue(TenantFactory.create(), name="other")[1])


def made(client, **wanted):
    response = client.post(USERS, wanted)
    assert response.status_code == 201, response.content
    return response.json()


def complaint(response):
    error = response.json()["errors"][0]
    return response.status_code, error["code"], error["attr"]


def opens(key: str) -> bool:
    keys.forget_recent()
    return client_with(key).get("/v1/messages").status_code == 200


# --- Made -----------------------------------------------------------------------------------------------------------


def test_a_new_user_has_a_key_that_opens_their_data_alone(api, tenant):
    answer = made(api, external_id="maya", metadata={"plan": "gold"})
    assert answer.keys() == FIELDS | {"api_key"}
    assert (answer["external_id"], answer["metadata"], answer["api_key"][:7]) == ("maya", {"plan": "gold"}, "memori_")
    assert ApiKey.objects.get(end_user__isnull=False).end_user == EndUser.objects.get(tenant=tenant, pk=answer["id"])
    assert opens(answer["api_key"])


def test_a_user_may_have_no_id_but_ours(api):
    first, second = made(api), made(api, external_id=None)
    assert (first["external_id"], first["metadata"]) == (None, {})
    assert first["id"] != second["id"]
    assert api.get(f"{USERS}/{first['id']}").status_code == 200


@pytest.mark.parametrize("by", ["external_id", "pk"])
def test_an_id_that_is_taken_makes_no_second_user(api, maya, by):
    assert complaint(api.post(USERS, {"external_id": str(getattr(maya, by))})) == (409, "user_exists", None)
    assert EndUser.objects.get() == maya


def test_the_same_id_is_free_in_another_tenant(other_api, maya):
    assert made(other_api, external_id="maya")["id"] != str(maya.pk)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"external_id": ""}, (400, "blank", "external_id")),
        ({"external_id": "a" * 256}, (400, "max_length", "external_id")),
        ({"external_id": 5}, (400, "invalid", "external_id")),
        ({"external_id": "a\0"}, (400, "null_characters_not_allowed", "external_id")),
        ({"metadata": []}, (400, "not_a_dict", "metadata")),
        ({"name": "Maya"}, (400, "unknown_field", "name")),
        ({"tenant_id": "another"}, (403, "permission_denied", None)),
    ],
)
def test_what_cannot_be_is_refused(api, wanted, expected):
    assert complaint(api.post(USERS, wanted)) == expected
    assert not EndUser.objects.exists()


def test_a_repeat_makes_nobody_and_does_not_show_the_key_again(api):
    first, again = (api.post(USERS, {"external_id": "maya"}, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (again.status_code, again.json()) == (201, first.json() | {"api_key": None})
    assert ApiKey.objects.filter(end_user__isnull=False).count() == 1


def test_an_unknown_tenant_is_made_by_a_deployment_key(operator_api):
    made(operator_api, tenant_id="fresh", external_id="maya")
    assert EndUser.objects.get().tenant == Tenant.objects.get(slug="fresh")


def test_a_key_may_do_no_more_than_the_one_that_asked_for_it(tenant):
    api = client_with(keys.issue(tenant, name="writer", scopes=["write"])[1])
    made(api)
    assert ApiKey.objects.get(end_user__isnull=False).scopes == ["write"]


def test_a_key_of_an_admin_does_not_make_admins_of_users(tenant):
    api = client_with(keys.issue(tenant, name="admin", scopes=Scope.values)[1])
    made(api)
    assert ApiKey.objects.get(end_user__isnull=False).scopes == ["read", "write"]


def test_the_audit_trail_has_the_key_and_not_the_person(api):
    made(api, external_id="maya@example.org")
    event = AuditEvent.objects.get(action="api_key.issued", detail__prefix__startswith="memori_")
    assert "maya" not in str(vars(event))


# --- Read -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["external_id", "pk"])
def test_a_user_is_read_by_either_id(api, maya, by):
    answer = api.get(f"{USERS}/{getattr(maya, by)}").json()
    assert answer.keys() == FIELDS
    assert (answer["id"], answer["external_id"], answer["metadata"]) == (str(maya.pk), "maya", {"plan": "gold"})


@pytest.mark.parametrize("user_id", ["nobody", str(uuid.UUID(int=1)), "%00", "a" * 256])
def test_who_is_unknown_is_not_found(api, user_id):
    assert complaint(api.get(f"{USERS}/{user_id}")) == (404, "not_found", None)


def test_who_is_of_another_tenant_is_not_found(other_api, maya):
    answers = [other_api.get(f"{USERS}/{one}") for one in ("maya", maya.pk)]
    assert [complaint(one) for one in answers] == [(404, "not_found", None)] * 2


def test_a_list_has_the_newest_first_by_pages(api, tenant):
    everybody = [EndUserFactory.create(tenant=tenant).external_id for _ in range(3)]
    EndUserFactory.create()
    first = api.get(USERS, {"limit": 2}).json()
    second = api.get(USERS, {"limit": 2, "cursor": first["next_cursor"]}).json()
    assert all(item.keys() == FIELDS for item in first["items"])
    assert [item["external_id"] for item in first["items"] + second["items"]] == everybody[::-1]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(("query", "field"), [("limit=0", "limit"), ("cursor=x", "cursor"), ("name=x", "name")])
def test_a_bad_list_is_refused(api, query, field):
    assert complaint(api.get(f"{USERS}?{query}"))[::2] == (400, field)


# --- Keys -----------------------------------------------------------------------------------------------------------


def test_a_new_key_takes_the_place_of_all_older_ones(api, maya):
    older = [keys.issue(maya.tenant, name="app", end_user=maya)[1] for _ in range(2)]
    assert all(map(opens, older))
    response = api.post(f"{USERS}/maya/api-key/rotate")
    assert response.status_code == 201
    assert response.json().keys() == {"id", "external_id", "api_key"}
    assert (response.json()["id"], response.json()["external_id"]) == (str(maya.pk), "maya")
    assert not any(map(opens, older))
    assert opens(response.json()["api_key"])


def test_a_repeat_of_a_rotation_changes_nothing(api, maya):
    first, again = (api.post(f"{USERS}/maya/api-key/rotate", headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert again.json() == first.json() | {"api_key": None}
    assert opens(first.json()["api_key"])


def test_a_user_without_keys_gets_one(api, maya):
    assert opens(api.post(f"{USERS}/{maya.pk}/api-key/rotate").json()["api_key"])


def test_all_keys_of_a_user_are_revoked_and_no_others(api, maya):
    ben = EndUserFactory.create(tenant=maya.tenant)
    mayas, bens = (keys.issue(maya.tenant, name="app", end_user=one)[1] for one in (maya, ben))
    assert api.delete(f"{USERS}/maya/api-key").status_code == 204
    assert (opens(mayas), opens(bens)) == (False, True)


@pytest.mark.parametrize(("method", "path"), [("post", "api-key/rotate"), ("delete", "api-key")])
def test_nobody_has_no_keys(api, other_api, maya, method, path):
    answers = [getattr(api, method)(f"{USERS}/nobody/{path}"), getattr(other_api, method)(f"{USERS}/maya/{path}")]
    assert [complaint(one) for one in answers] == [(404, "not_found", None)] * 2


# --- Keys of end users and narrow ones --------------------------------------------------------------------------------


def test_a_user_reads_themselves_alone(maya_api, tenant):
    EndUserFactory.create(tenant=tenant, external_id="ben")
    assert maya_api.get(f"{USERS}/maya").json()["external_id"] == "maya"
    assert maya_api.get(f"{USERS}/ben").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", USERS),
        ("post", USERS),
        ("post", f"{USERS}/maya/api-key/rotate"),
        ("delete", f"{USERS}/maya/api-key"),
        ("post", f"{USERS}/nobody/api-key/rotate"),
    ],
)
def test_a_user_makes_nobody_and_changes_no_keys(maya_api, method, path):
    assert complaint(getattr(maya_api, method)(path)) == (403, "permission_denied", None)
    assert (EndUser.objects.count(), ApiKey.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("method", "path"), [("post", USERS), ("post", f"{USERS}/maya/api-key/rotate"), ("delete", f"{USERS}/maya/api-key")]
)
def test_to_change_anything_takes_a_key_that_writes(tenant, maya, method, path):
    reader = client_with(keys.issue(tenant, name="reader", scopes=["read"])[1])
    assert complaint(getattr(reader, method)(path)) == (403, "insufficient_scope", None)
