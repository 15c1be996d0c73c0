"""The audit trail: what stands in it, that it stays, and `/v1/audit`."""

from datetime import timedelta

import pytest
import structlog
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from tenants import audit, founding, keys
from tenants.isolation import across_tenants, tenant_scope
from tenants.models import AuditEvent, Scope, Tenant
from tenants.tests.factories import EndUserFactory, TenantFactory
from tenants.tests.plain_login import PlainClient, plain_login

pytestmark = pytest.mark.django_db
AUDIT, KEYS = "/v1/audit", "/v1/api-keys"
FIELDS = {
    "id", "created_at", "tenant_id", "actor_kind", "actor", "action", "object_type", "object_id", "detail", "address",
    "request_id",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _nobody_acts():
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def admin_key(tenant):
    """(row, client) of a key of `tenant` that has every scope."""
    row, key = keys.issue(tenant, name="admin", scopes=Scope.values)
    client = PlainClient(REMOTE_ADDR="192.0.2.7")
    client.credentials(HTTP_X_API_KEY=key, HTTP_X_REQUEST_ID="request-1")
    return row, client


@pytest.fixture
def admin_api(admin_key):
    return admin_key[1]


def items(client, **query):
    response = client.get(AUDIT, query)
    assert response.status_code == 200, response.content
    return response.json()["items"]


def actions(client, **query):
    return [item["action"] for item in items(client, **query)]


# --- It stays -------------------------------------------------------------------------------------------------------

ATTEMPTS = [
    "UPDATE tenants_auditevent SET actor = 'somebody else'",
    "UPDATE tenants_auditevent SET actor = 'somebody else' WHERE false",
    "DELETE FROM tenants_auditevent",
    "TRUNCATE tenants_auditevent",
]


def attempt(statement):
    with pytest.raises(DatabaseError, match=r"append-only|permission denied"), transaction.atomic():
        connection.cursor().execute(statement)


@pytest.mark.parametrize("statement", ATTEMPTS)
def test_an_ordinary_login_changes_no_event(tenant, statement):
    audit.record("tried", tenant=tenant)
    with plain_login():
        attempt(statement)
    assert AuditEvent.objects.get().actor == ""


@pytest.mark.parametrize("statement", ATTEMPTS)
def test_neither_a_tenants_role_nor_that_of_maintenance_does(tenant, statement):
    audit.record("tried", tenant=tenant)
    with tenant_scope(tenant):
        attempt(statement)
    with across_tenants():
        attempt(statement)
    assert AuditEvent.objects.get().actor == ""


@pytest.mark.parametrize("statement", ATTEMPTS[:3])
def test_a_superuser_changes_no_event_either(tenant, statement):
    audit.record("tried", tenant=tenant)
    attempt(statement)
    assert AuditEvent.objects.get().actor == ""


def test_the_trail_outlives_its_tenant(tenant):
    audit.record("tried", tenant=tenant)
    tenant.delete()
    assert AuditEvent.objects.get().action == "tried"


def test_an_event_goes_with_the_act_that_failed(tenant):
    with pytest.raises(DatabaseError), transaction.atomic():
        keys.issue(tenant, name="app", scopes=["root"])
    assert not AuditEvent.objects.exists()


# --- What stands in it ----------------------------------------------------------------------------------------------


def test_issuing_over_the_api_says_who_whence_and_in_which_request(admin_key, tenant):
    row, client = admin_key
    answer = client.post(KEYS, {"name": "app"}).json()
    event = AuditEvent.objects.get(object_id=answer["id"])
    assert (event.action, event.object_type, event.tenant) == ("api_key.issued", "apikey", tenant)
    assert (event.actor_kind, event.actor) == ("key", str(row))
    assert (event.address, event.request_id) == ("192.0.2.7", "request-1")
    assert event.detail == {"prefix": answer["prefix"], "name": "app", "scopes": ["read", "write"]}


def test_revoking_over_the_api_says_so_once(admin_key, tenant):
    row, client = admin_key
    lost, _ = keys.issue(tenant, name="lost")
    for _ in range(2):
        client.delete(f"{KEYS}/{lost.pk}")
    event = AuditEvent.objects.get(action="api_key.revoked")
    assert (event.object_id, event.actor, event.address, event.request_id) == (
        str(lost.pk),
        str(row),
        "192.0.2.7",
        "request-1",
    )


def test_an_operator_who_rotates_is_named(admin_client, tenant):
    row, _ = keys.issue(tenant, name="app")
    data = {"action": "rotate", "_selected_action": row.pk, "confirmed": "yes"}
    extra = {"REMOTE_ADDR": "192.0.2.8", "headers": {"X-Request-ID": "request-2"}}
    admin_client.post(reverse("admin:tenants_apikey_changelist"), data, **extra)
    for action in ("api_key.rotated", "api_key.issued"):
        event = AuditEvent.objects.filter(action=action).latest("id")
        assert (event.actor_kind, event.actor, event.tenant) == ("operator", "admin", tenant)
        assert (event.address, event.request_id) == ("192.0.2.8", "request-2")


def test_what_nobody_in_particular_does_is_the_systems(tenant):
    audit.record("tried", tenant=tenant)
    event = AuditEvent.objects.get()
    assert (event.actor_kind, event.actor, event.address, event.request_id) == ("system", "", "", "")
    assert str(event) == "tried by system"


def test_no_event_holds_a_key(admin_api):
    key = admin_api.post(KEYS, {"name": "app"}).json()["key"]
    assert not any(key in str(one) for one in AuditEvent.objects.values())


def test_a_write_that_makes_its_tenant_says_so_once(operator_api):
    for _ in range(2):
        operator_api.post("/v1/conversations", {"conversation_id": "talk", "tenant_id": "fresh"})
    event = AuditEvent.objects.get(action="tenant.created")
    assert (event.actor_kind, event.actor, event.tenant) == ("key", "MEMORY_API_KEYS", Tenant.objects.get())


def test_an_open_api_says_that_there_was_no_key(settings):
    settings.MEMORY_REQUIRE_API_KEY = False
    PlainClient().post("/v1/conversations", {"conversation_id": "talk"})
    event = AuditEvent.objects.get(action="tenant.created")
    assert (event.actor, event.address) == ("no key", "127.0.0.1")


def test_a_known_tenant_costs_a_write_one_query(tenant, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert founding.found_or_known(tenant.slug) == tenant


# --- /v1/audit ------------------------------------------------------------------------------------------------------


def test_an_event_is_shown_in_full(admin_key, tenant):
    row, client = admin_key
    client.post(KEYS, {"name": "app"})
    event = items(client)[0]
    assert event.keys() == FIELDS
    assert (event["tenant_id"], event["actor_kind"], event["actor"]) == (tenant.slug, "key", str(row))
    assert event["detail"]["name"] == "app"


def test_events_of_others_are_not_shown(admin_api, tenant):
    audit.record("theirs", tenant=TenantFactory.create())
    audit.record("nobodys")
    audit.record("mine", tenant=tenant)
    assert actions(admin_api) == ["mine", "api_key.issued"]


def test_a_deployment_key_names_the_tenant(operator_api, tenant):
    audit.record("mine", tenant=tenant)
    assert actions(operator_api, tenant_id=tenant.slug) == ["mine"]


def test_pages_lead_through_all_events(admin_api, tenant):
    for number in range(4):
        audit.record(str(number), tenant=tenant)
    first = admin_api.get(AUDIT, {"limit": 3}).json()
    rest = admin_api.get(AUDIT, {"limit": 3, "cursor": first["next_cursor"]}).json()
    seen = [item["action"] for item in first["items"] + rest["items"]]
    assert (seen, rest["next_cursor"]) == (["3", "2", "1", "0", "api_key.issued"], None)


def test_events_are_filtered_by_action_actor_and_object(admin_key, tenant):
    row, client = admin_key
    audit.act_as(audit.ActorKind.OPERATOR, "eve")
    audit.record("tried", row, tenant=tenant)
    assert actions(client, action="tried") == ["tried"]
    assert actions(client, actor="eve") == ["tried"]
    assert actions(client, object_id=str(row.pk)) == ["tried", "api_key.issued"]
    assert actions(client, action="tried", actor="nobody") == []


def test_events_are_filtered_by_time(admin_api, tenant):
    moment = audit.record("tried", tenant=tenant).created_at
    later = moment + timedelta(microseconds=1)
    assert actions(admin_api, since=moment.isoformat(), until=moment.isoformat())[0] == "tried"
    assert actions(admin_api, since=later.isoformat()) == []


@pytest.mark.parametrize("query", [{"since": "then"}, {"action": "a\0"}, {"who": "eve"}, {"cursor": "x"}, {"limit": 0}])
def test_a_filter_that_means_nothing_is_a_400(admin_api, query):
    assert admin_api.get(AUDIT, query).status_code == 400


@pytest.mark.parametrize("kind", ["tenant", "user"])
def test_it_takes_the_scope_admin(tenant, kind):
    end_user = EndUserFactory.create(tenant=tenant) if kind == "user" else None
    client = PlainClient(headers={"X-API-Key": keys.issue(tenant, name="app", end_user=end_user)[1]})
    response = client.get(AUDIT)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_but_looking_is_offered(admin_api, method):
    assert getattr(admin_api, method)(AUDIT, {}).status_code == 405
