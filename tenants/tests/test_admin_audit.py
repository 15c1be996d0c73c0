"""What operators do in the admin stands in the audit trail; and the page that shows the trail."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from tenants import audit, keys
from tenants.models import AuditEvent, Tenant
from tenants.tests.admin_pages import listed, queries
from tenants.tests.factories import TenantFactory

pytestmark = pytest.mark.django_db
TRAIL = reverse("admin:tenants_auditevent_changelist")
LOGIN = reverse("admin:login")


def event(action):
    """(actor kind, actor, tenant, object id, detail) of the one event of this action."""
    one = AuditEvent.objects.select_related("tenant").get(action=action)
    return one.actor_kind, one.actor, one.tenant, one.object_id, one.detail


# --- What is noted --------------------------------------------------------------------------------------------------


def test_an_added_row_is_noted(admin_client):
    admin_client.post(reverse("admin:tenants_tenant_add"), {"slug": "shop", "name": "A secret name"})
    tenant = Tenant.objects.get()
    assert event("admin.added") == ("operator", "admin", tenant, str(tenant.pk), {})
    assert event("tenant.created") == ("operator", "admin", tenant, str(tenant.pk), {})


def test_a_change_is_noted_by_its_fields_not_their_contents(admin_client, tenant):
    new = {"name": "A secret name", "rate_limit": "5/minute"}
    admin_client.post(reverse("admin:tenants_tenant_change", args=[tenant.pk]), new)
    noted = ("operator", "admin", tenant, str(tenant.pk), {"fields": ["Name", "Rate limit"]})
    assert event("admin.changed") == noted
    assert not AuditEvent.objects.filter(action="tenant.created").exists()


def test_what_changes_nothing_names_no_field(admin_client, tenant):
    admin_client.post(reverse("admin:tenants_tenant_change", args=[tenant.pk]), {"name": "", "rate_limit": ""})
    assert event("admin.changed")[-1] == {"fields": []}


def test_a_failed_form_is_not_noted(admin_client, tenant):
    admin_client.post(reverse("admin:tenants_tenant_add"), {"slug": "no spaces"})
    assert not AuditEvent.objects.filter(action="admin.added").exists()


def test_a_revocation_names_the_operator(admin_client, tenant):
    row, _ = keys.issue(tenant, name="lost")
    data = {"action": "revoke", "_selected_action": row.pk, "confirmed": "yes"}
    admin_client.post(reverse("admin:tenants_apikey_changelist"), data)
    assert event("api_key.revoked")[:4] == ("operator", "admin", tenant, str(row.pk))


# --- Logins ---------------------------------------------------------------------------------------------------------


def log_in(client, password):
    given = {"username": "eve", "password": password}
    return client.post(LOGIN, given, REMOTE_ADDR="192.0.2.9", headers={"X-Request-ID": "request-3"})


@pytest.mark.parametrize(("password", "action"), [("right", "admin.login"), ("wrong", "admin.login_failed")])
def test_a_login_is_noted(client, password, action):
    eve = User.objects.create_user("eve", password="right", is_staff=True)
    log_in(client, password)
    assert event(action)[:2] == ("operator", "eve")
    assert event(action)[3:] == ((str(eve.pk) if password == "right" else ""), {})
    one = AuditEvent.objects.get()
    assert (one.address, one.request_id) == ("192.0.2.9", "request-3")


def test_a_name_that_nobody_has_is_noted_too(client):
    log_in(client, "wrong")
    assert event("admin.login_failed")[:2] == ("operator", "eve")


# --- The page -------------------------------------------------------------------------------------------------------


@pytest.fixture
def tried(admin_client, tenant):
    """An event by an operator called Eve; the login of `admin_client` is another."""
    audit.act_as(audit.ActorKind.KEY, "Eve's key", address="192.0.2.10")
    return audit.record("something.tried", tenant, tenant=tenant, why="<script>alert(1)</script>")


def test_an_event_is_only_looked_at(admin_client, tried):
    address = reverse("admin:tenants_auditevent_change", args=[tried.pk])
    page = admin_client.get(address).content.decode()
    assert "something.tried" in page
    assert "&lt;script&gt;" in page
    assert admin_client.post(address, {"actor": "somebody else"}).status_code == 403
    assert admin_client.post(reverse("admin:tenants_auditevent_delete", args=[tried.pk])).status_code == 403
    assert admin_client.get(reverse("admin:tenants_auditevent_add")).status_code == 403


def test_events_are_found(admin_client, tenant, tried):
    audit.record("something.else", tenant=TenantFactory.create())
    assert listed(admin_client, TRAIL, tenant__id__exact=tenant.pk) == [tried]
    assert listed(admin_client, TRAIL, action__icontains="something.tried") == [tried]
    assert tried in listed(admin_client, TRAIL, actor_kind__exact="key")
    assert tried not in listed(admin_client, TRAIL, actor_kind__exact="operator")
    assert listed(admin_client, TRAIL, q=str(tenant.pk)) == [tried]
    assert tried in listed(admin_client, TRAIL, q="eve's")


@pytest.mark.parametrize(("days", "shown"), [(0, True), (-1, False), (1, False)])
def test_events_are_listed_by_day(admin_client, tried, days, shown):
    day = (timezone.now() + timedelta(days=days)).date().isoformat()
    events = listed(admin_client, TRAIL, created_at_from=day, created_at_to=day)
    assert (tried in events) is shown


def test_the_trail_of_a_tenant_that_is_gone_opens(admin_client, tenant, tried):
    tenant.delete()
    assert tried in listed(admin_client, TRAIL)
    assert admin_client.get(reverse("admin:tenants_auditevent_change", args=[tried.pk])).status_code == 200


def test_thirty_events_take_as_many_queries_as_three(admin_client):
    def record(count):
        for _ in range(count):
            audit.record("tried", tenant=TenantFactory.create())

    record(3)
    few = queries(admin_client, TRAIL)
    record(27)
    assert queries(admin_client, TRAIL) == few
