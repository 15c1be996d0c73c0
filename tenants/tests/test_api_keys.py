"""`/v1/api-keys`: keys listed, issued and revoked over the API."""

import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenants import keys
from tenants.models import ApiKey, EndUser, Scope, Tenant
from tenants.tests.factories import EndUserFactory, TenantFactory
from tenants.tests.plain_login import PlainClient

pytestmark = pytest.mark.django_db
KEYS = "/v1/api-keys"
FIELDS = {
    "id", "name", "prefix", "kind", "tenant_id", "user_id", "scopes", "created_at", "expires_at", "revoked_at",
    "last_used_at",
}  # fmt: skip


def client_with(key: str) -> PlainClient:
    client = PlainClient()
    client.credentials(HTTP_X_API_KEY=key)
    return client


@pytest.fixture
def admin_api(tenant):
    """A client whose key of `tenant` has every scope."""
    return client_with(keys.issue(tenant, name="admin", scopes=Scope.values)[1])


def issued(client, **wanted):
    response = client.post(KEYS, {"name": "phone app"} | wanted)
    assert response.status_code == 201, response.content
    return response.json()


def complaint(response):
    error = response.json()["errors"][0]
    return response.status_code, error["code"], error["attr"]


def names(client, **query):
    return [item["name"] for item in client.get(KEYS, query).json()["items"]]


# --- Issue ----------------------------------------------------------------------------------------------------------


def test_an_issued_key_opens_its_tenant(admin_api, tenant):
    answer = issued(admin_api)
    assert answer.keys() == FIELDS | {"key"}
    assert (answer["kind"], answer["tenant_id"], answer["user_id"]) == ("tenant", tenant.slug, None)
    assert (answer["scopes"], answer["expires_at"], answer["revoked_at"]) == (["read", "write"], None, None)
    assert client_with(answer["key"]).get("/v1/messages").status_code == 200


def test_a_key_gets_its_scopes_and_its_end(admin_api):
    answer = issued(admin_api, scopes=["read", "read"], expires_at="2099-01-02T03:04:05Z")
    assert (answer["scopes"], answer["expires_at"]) == (["read"], "2099-01-02T03:04:05Z")


def test_a_key_of_an_end_user_is_known_by_its_beginning(admin_api, tenant):
    maya = EndUserFactory.create(tenant=tenant, external_id="maya")
    answer = issued(admin_api, user_id="maya")
    assert (answer["kind"], answer["user_id"], answer["key"][:7]) == ("user", "maya", "memori_")
    assert ApiKey.objects.get(pk=answer["id"]).end_user == maya


def test_an_end_user_may_be_named_by_our_id(admin_api, tenant):
    maya = EndUserFactory.create(tenant=tenant, external_id="maya")
    assert issued(admin_api, user_id=str(maya.pk))["user_id"] == "maya"


def test_an_unknown_end_user_is_made(admin_api, tenant):
    issued(admin_api, user_id="maya")
    assert EndUser.objects.get().tenant == tenant


def test_an_unknown_tenant_is_made_by_a_deployment_key(operator_api):
    assert issued(operator_api, tenant_id="fresh")["tenant_id"] == "fresh"


def test_no_key_of_the_deployment_is_issued(operator_api):
    assert issued(operator_api)["kind"] == "tenant"
    assert not ApiKey.objects.filter(tenant=None).exists()


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"name": ""}, (400, "blank", "name")),
        ({"name": None}, (400, "null", "name")),
        ({"name": "a" * 101}, (400, "max_length", "name")),
        ({"scopes": []}, (400, "min_length", "scopes")),
        ({"scopes": "read"}, (400, "not_a_list", "scopes")),
        ({"scopes": ["root"]}, (400, "invalid_choice", "scopes.0")),
        ({"scopes": [{}]}, (400, "invalid_choice", "scopes.0")),
        ({"scopes": ["read"] * 4}, (400, "max_length", "scopes")),
        ({"expires_at": "2020-01-01T00:00:00Z"}, (400, "in_the_past", "expires_at")),
        ({"expires_at": "soon"}, (400, "invalid", "expires_at")),
        ({"expires_at": 5}, (400, "invalid", "expires_at")),
        ({"user_id": ""}, (400, "blank", "user_id")),
        ({"user_id": "a\0"}, (400, "null_characters_not_allowed", "user_id")),
        ({"user_id": "maya", "scopes": ["read", "admin"]}, (400, "user_key_is_no_admin", "scopes")),
        ({"kind": "deployment"}, (400, "unknown_field", "kind")),
        ({"tenant_id": "another"}, (403, "permission_denied", None)),
    ],
)
def test_what_cannot_be_is_refused(admin_api, wanted, expected):
    assert complaint(admin_api.post(KEYS, {"name": "phone app", **wanted})) == expected
    assert not ApiKey.objects.filter(name="phone app").exists()
    assert not EndUser.objects.exists()
    assert Tenant.objects.count() == 1


def test_a_name_is_required(admin_api):
    assert complaint(admin_api.post(KEYS, {})) == (400, "required", "name")


def test_a_repeat_issues_nothing_and_does_not_show_the_key_again(admin_api):
    first, again = (admin_api.post(KEYS, {"name": "app"}, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (again.status_code, again.json()) == (201, first.json() | {"key": None})
    assert first.json()["key"]
    assert ApiKey.objects.filter(name="app").count() == 1


# --- List -----------------------------------------------------------------------------------------------------------


def test_a_list_shows_no_secret(admin_api):
    answer = issued(admin_api)
    listed = admin_api.get(KEYS)
    assert all(item.keys() == FIELDS for item in listed.json()["items"])
    for secret in (answer["key"], *ApiKey.objects.values_list("digest", flat=True)):
        assert secret not in listed.content.decode()


def test_the_newest_key_comes_first(admin_api):
    for name in ("one", "two"):
        issued(admin_api, name=name)
    assert names(admin_api) == ["two", "one", "admin"]


def test_pages_lead_through_all_keys(admin_api):
    for number in range(4):
        issued(admin_api, name=str(number))
    seen, query = [], {"limit": 2}
    while query:
        answer = admin_api.get(KEYS, query).json()
        seen += [item["name"] for item in answer["items"]]
        query = {"limit": 2, "cursor": answer["next_cursor"]} if answer["next_cursor"] else {}
    assert seen == ["3", "2", "1", "0", "admin"]


@pytest.mark.parametrize("state", ["usable", "expired", "revoked"])
def test_keys_are_listed_by_state(operator_api, tenant, state):
    keys.issue(tenant, name="usable")
    keys.issue(tenant, name="expired", expires_at=timezone.now() - timedelta(seconds=1))
    keys.revoke([keys.issue(tenant, name="revoked")[0]])
    assert names(operator_api, tenant_id=tenant.slug, state=state) == [state]


def test_keys_are_listed_by_end_user(admin_api, tenant):
    maya = EndUserFactory.create(tenant=tenant, external_id="maya")
    keys.issue(tenant, name="hers", end_user=maya)
    assert names(admin_api, user_id="maya") == names(admin_api, user_id=str(maya.pk)) == ["hers"]
    assert names(admin_api, user_id="nobody") == []
    assert not EndUser.objects.filter(external_id="nobody").exists()


def test_keys_of_others_are_not_listed(admin_api):
    keys.issue(TenantFactory.create(), name="theirs")
    keys.issue(None, name="of the deployment")
    assert names(admin_api) == ["admin"]


def test_thirty_keys_take_as_many_queries_as_three(admin_api, tenant):
    def queries_for(count):
        for _ in range(count):
            keys.issue(tenant, name="app", end_user=EndUserFactory.create(tenant=tenant))
        keys.forget_recent()  # or the caller's own is looked up only where the machine is slow
        with CaptureQueriesContext(connection) as made:
            assert admin_api.get(KEYS).status_code == 200
        return len(made)

    queries_for(1)  # notes the last use too
    assert queries_for(3) == queries_for(27)


# --- Revoke ---------------------------------------------------------------------------------------------------------


def test_a_revoked_key_opens_nothing_at_once(admin_api):
    answer = issued(admin_api)
    client = client_with(answer["key"])
    assert client.get("/v1/messages").status_code == 200
    assert admin_api.delete(f"{KEYS}/{answer['id']}").status_code == 204
    assert complaint(client.get("/v1/messages")) == (401, "invalid_api_key", None)


def test_revoking_again_changes_nothing(admin_api):
    address = f"{KEYS}/{issued(admin_api)['id']}"
    moments = []
    for _ in range(2):
        assert admin_api.delete(address).status_code == 204
        moments.append(ApiKey.objects.get(name="phone app").revoked_at)
    assert moments[0] == moments[1] is not None


@pytest.mark.parametrize("whose", ["another tenant's", "the deployment's", "nobody's"])
def test_a_key_that_is_not_the_tenants_is_not_found(admin_api, whose):
    other = {"another tenant's": TenantFactory.create(), "the deployment's": None}
    row = keys.issue(other[whose], name="other")[0] if whose in other else EndUserFactory.create()
    assert admin_api.delete(f"{KEYS}/{row.pk}").status_code == 404
    assert not ApiKey.objects.exclude(revoked_at=None).exists()


def test_a_deployment_key_names_the_tenant(operator_api, tenant):
    row, _ = keys.issue(tenant, name="lost")
    assert operator_api.delete(f"{KEYS}/{row.pk}?tenant_id={tenant.slug}").status_code == 204
    assert not ApiKey.objects.usable().exists()


def test_an_expired_key_opens_nothing_from_that_moment(admin_api):
    answer = issued(admin_api, expires_at="2099-01-02T03:04:05Z")
    client = client_with(answer["key"])
    assert client.get("/v1/messages").status_code == 200
    ApiKey.objects.filter(pk=answer["id"]).update(expires_at=timezone.now())
    keys.forget_recent()
    assert complaint(client.get("/v1/messages")) == (401, "invalid_api_key", None)


def test_another_process_learns_of_a_revocation_within_a_second(admin_api, monkeypatch):
    answer = issued(admin_api)
    client = client_with(answer["key"])
    assert client.get("/v1/messages").status_code == 200
    ApiKey.objects.filter(pk=answer["id"]).update(revoked_at=timezone.now())
    assert client.get("/v1/messages").status_code == 200
    read_at = time.monotonic()
    monkeypatch.setattr("tenants.keys.time", SimpleNamespace(monotonic=lambda: read_at + 1.0))
    assert client.get("/v1/messages").status_code == 401


def test_of_many_keys_only_so_many_are_remembered(admin_api, monkeypatch):
    monkeypatch.setattr(keys, "RECENT_MAX", 2)
    clients = [client_with(issued(admin_api)["key"]) for _ in range(5)]
    assert [client.get("/v1/messages").status_code for client in clients] == [200] * 5
    assert len(keys._recent) <= 2


def test_a_request_looks_its_key_up_once_by_its_unique_digest(admin_api):
    admin_api.get("/v1/messages")  # notes the last use
    keys.forget_recent()
    with CaptureQueriesContext(connection) as made:
        admin_api.get("/v1/messages")
    (query,) = [one["sql"] for one in made if "tenants_apikey" in one["sql"]]
    assert '"digest" = ' in query
    assert ApiKey._meta.get_field("digest").unique


# --- Who may --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), [("get", KEYS), ("post", KEYS), ("delete", f"{KEYS}/{'0' * 32}")])
@pytest.mark.parametrize("kind", ["tenant", "user"])
def test_it_takes_the_scope_admin(tenant, kind, method, path):
    end_user = EndUserFactory.create(tenant=tenant) if kind == "user" else None
    client = client_with(keys.issue(tenant, name="app", end_user=end_user)[1])
    path = path.replace("0" * 32, "00000000-0000-7000-8000-000000000000")
    assert complaint(getattr(client, method)(path, {"name": "more"})) == (403, "insufficient_scope", None)


@pytest.mark.parametrize(("method", "path"), [("get", KEYS), ("post", KEYS), ("get", "/v1/audit")])
def test_it_takes_a_key(method, path):
    assert getattr(PlainClient(), method)(path).status_code == 401
