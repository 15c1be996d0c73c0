"""Tenants and keys as an operator sees them."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from tenants import keys
from tenants.admin_base import CappedPaginator
from tenants.models import USER_KEY_IS_NO_ADMIN, ApiKey, EndUser, Tenant
from tenants.tests.admin_pages import listed, queries
from tenants.tests.factories import EndUserFactory, TenantFactory

TENANTS = reverse("admin:tenants_tenant_changelist")
KEYS = reverse("admin:tenants_apikey_changelist")
END_USERS = reverse("admin:tenants_enduser_changelist")
ADD_KEY = reverse("admin:tenants_apikey_add")


def change(row):
    return reverse(f"admin:tenants_{row._meta.model_name}_change", args=[row.pk])


def issue(client, tenant, **fields):
    asked = {"kind": "tenant", "tenant": tenant.pk, "name": "phone app", "scopes": ["read", "write"]}
    return client.post(ADD_KEY, asked | fields, follow=True)


def shown_key(response):
    return re.findall(r"(?:mlk|memori)_[\w-]{43}", response.content.decode())[0]


def complaints(response):
    return response.context["adminform"].form.errors


def test_a_strange_visitor_is_sent_to_the_login(client, db):
    assert client.get(TENANTS)["Location"].startswith(reverse("admin:login"))


def test_the_title_is_memory_layer(admin_client):
    assert "Memory Layer</title>" in admin_client.get(reverse("admin:index")).content.decode().replace("\n", "")


def test_a_tenant_is_added_by_slug(admin_client):
    admin_client.post(reverse("admin:tenants_tenant_add"), {"slug": "shop", "name": "Shop"})
    assert Tenant.objects.get().slug == "shop"


def test_a_slug_that_clients_use_stays(admin_client, tenant):
    admin_client.post(change(tenant), {"slug": "other", "name": "Renamed"})
    before, tenant = tenant.slug, Tenant.objects.get()
    assert (tenant.slug, tenant.name) == (before, "Renamed")


def test_a_tenant_links_to_what_belongs_to_it(admin_client, tenant):
    page = admin_client.get(TENANTS).content.decode()
    of_facts = ("memories/fact", "memories/job", "memories/tokenspend")
    for model in ("tenants/apikey", "memories/conversation", "memories/message", *of_facts):
        assert f"/admin/{model}/?tenant__id__exact={tenant.pk}" in page


def test_a_tenant_gets_its_budget_of_tokens(admin_client, tenant):
    admin_client.post(change(tenant), {"name": "", "rate_limit": "", "daily_token_budget": "5000"})
    tenant.refresh_from_db()
    assert tenant.daily_token_budget == 5000


def test_a_change_of_language_says_how_what_is_stored_is_found_in_it(admin_client, tenant):
    fields = {"name": "", "rate_limit": "", "daily_token_budget": "", "ranking_weights": ""}
    changed = [admin_client.post(change(tenant), fields | {"language": "german"}, follow=True) for _ in range(2)]
    told = [f"manage.py reindex_words --all --tenant {tenant.slug}" in page.content.decode() for page in changed]
    assert told == [True, False]


def test_a_tenant_is_not_deleted_here(admin_client, tenant):
    assert admin_client.post(reverse("admin:tenants_tenant_delete", args=[tenant.pk])).status_code == 403


def test_an_added_key_works(admin_client, tenant, api):
    api.credentials(HTTP_X_API_KEY=shown_key(issue(admin_client, tenant)))
    assert api.get("/v1/conversations").status_code == 200


def test_a_key_is_shown_exactly_once(admin_client, tenant):
    response = issue(admin_client, tenant)
    key = shown_key(response)
    assert response.content.decode().count(key) == 1
    for address in (KEYS, change(ApiKey.objects.get()), reverse("admin:index")):
        assert key not in admin_client.get(address).content.decode()


def test_a_key_is_not_in_the_log_of_changes(admin_client, tenant):
    key = shown_key(issue(admin_client, tenant))
    entry = LogEntry.objects.get()
    assert entry.object_id == str(ApiKey.objects.get().pk)
    assert key not in f"{entry.object_repr} {entry.change_message}"


def test_a_tenants_key_without_a_tenant_is_not_issued(admin_client):
    response = admin_client.post(ADD_KEY, {"kind": "tenant", "name": "phone app", "scopes": ["read"]})
    assert complaints(response) == {"tenant": ["A key of this kind has one; choose it."]}
    assert not ApiKey.objects.exists()


def test_a_key_of_the_deployment_is_asked_for_as_such(admin_client, api):
    response = admin_client.post(ADD_KEY, {"kind": "deployment", "name": "ops", "scopes": ["read"]}, follow=True)
    assert ApiKey.objects.get(name="ops").kind == "deployment"
    TenantFactory.create(slug="any")
    api.credentials(HTTP_X_API_KEY=shown_key(response))
    assert api.get("/v1/messages?tenant_id=any").status_code == 200


def test_a_key_of_the_deployment_has_no_tenant(admin_client, tenant):
    assert "tenant" in complaints(issue(admin_client, tenant, kind="deployment"))
    assert not ApiKey.objects.exists()


def test_a_key_of_an_end_user_is_issued(admin_client, tenant):
    user = EndUserFactory.create(tenant=tenant)
    key = shown_key(issue(admin_client, tenant, kind="user", end_user=user.pk))
    row = ApiKey.objects.get(digest=keys.digest(key))
    assert (key[:7], row.end_user, row.tenant) == ("memori_", user, tenant)


def test_an_end_users_key_needs_an_end_user(admin_client, tenant):
    assert "end_user" in complaints(issue(admin_client, tenant, kind="user"))


def test_an_end_user_of_another_tenant_is_refused_in_words(admin_client, tenant):
    response = issue(admin_client, tenant, kind="user", end_user=EndUserFactory.create().pk)
    assert complaints(response) == {"end_user": ["This end user is not of this tenant; choose one that is."]}


def test_an_end_users_key_is_no_admin_in_words(admin_client, tenant):
    user = EndUserFactory.create(tenant=tenant)
    response = issue(admin_client, tenant, kind="user", end_user=user.pk, scopes=["admin"])
    assert complaints(response) == {"scopes": [USER_KEY_IS_NO_ADMIN]}
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("kind", ["tenant", "deployment"])
def test_another_key_has_no_end_user(admin_client, tenant, kind):
    user = EndUserFactory.create(tenant=tenant)
    assert "end_user" in complaints(issue(admin_client, tenant, kind=kind, end_user=user.pk))


def test_a_key_shows_whose_it_is(admin_client, tenant):
    row, _ = keys.issue(tenant, name="phone app", end_user=EndUserFactory.create(tenant=tenant, external_id="maya"))
    for address in (KEYS, change(row)):
        assert "maya" in admin_client.get(address).content.decode()


# --- End users ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("term", ["may", "maya", "{id}"])
def test_an_end_user_is_found_by_either_id(admin_client, tenant, term):
    maya = EndUserFactory.create(tenant=tenant, external_id="maya")
    EndUserFactory.create(tenant=tenant, external_id="ann-maya")
    assert listed(admin_client, END_USERS, q=term.format(id=maya.pk)) == [maya]


def test_the_form_of_a_key_offers_end_users(admin_client, tenant):
    maya = EndUserFactory.create(tenant=tenant, external_id="maya")
    asked = {"app_label": "tenants", "model_name": "apikey", "field_name": "end_user", "term": "may"}
    offered = admin_client.get(reverse("admin:autocomplete"), asked).json()["results"]
    assert offered == [{"id": str(maya.pk), "text": "maya"}]


def test_an_end_user_is_only_looked_at(admin_client, tenant):
    user = EndUserFactory.create(tenant=tenant, external_id="maya")
    admin_client.post(change(user), {"external_id": "eve", "metadata": "{}"})
    assert EndUser.objects.get().external_id == "maya"
    assert admin_client.get(reverse("admin:tenants_enduser_add")).status_code == 403
    assert admin_client.post(reverse("admin:tenants_enduser_delete", args=[user.pk])).status_code == 403


def test_an_end_users_page_leads_to_a_key_for_them(admin_client, tenant):
    user = EndUserFactory.create(tenant=tenant, external_id="maya")
    address = re.findall(r'href="(/admin/tenants/apikey/add/[^"]+)"', admin_client.get(change(user)).content.decode())
    form = admin_client.get(html.unescape(address[0])).context["adminform"].form
    assert [form.initial[name] for name in ("kind", "tenant", "end_user")] == ["user", str(tenant.pk), str(user.pk)]


@pytest.mark.parametrize("listing", ["tenants_apikey", "memories_conversation", "memories_message"])
def test_the_lists_of_an_end_user_open(admin_client, tenant, listing):
    user = EndUserFactory.create(tenant=tenant)
    address = f"/admin/{listing.replace('_', '/')}/?end_user__id__exact={user.pk}"
    assert address in admin_client.get(END_USERS).content.decode()
    assert admin_client.get(address).status_code == 200


# --- What was issued ------------------------------------------------------------------------------------------------


def test_a_key_gets_its_expiry(admin_client, tenant):
    issue(admin_client, tenant, expires_at_0="2035-01-02", expires_at_1="03:04:05")
    assert ApiKey.objects.get().expires_at == datetime(2035, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_digest_is_nowhere(admin_client, tenant):
    row, _ = keys.issue(tenant, name="phone app")
    for address in (KEYS, change(row)):
        page = admin_client.get(address).content.decode()
        assert row.prefix in page
        assert row.digest not in page


def test_an_issued_key_changes_only_its_name_and_expiry(admin_client, tenant):
    row, key = keys.issue(tenant, name="phone app")
    new = {
        "name": "tablet",
        "tenant": TenantFactory.create().pk,
        "prefix": "x",
        "digest": "y",
        "revoked_at_0": "2020-01-01",
    }
    admin_client.post(change(row), new)
    after = ApiKey.objects.get()
    assert (after.name, after.tenant, after.prefix, after.revoked_at) == ("tablet", tenant, row.prefix, None)
    assert after.digest == keys.digest(key)


def test_revoking_asks_first(admin_client, tenant):
    row, _ = keys.issue(tenant, name="phone app")
    page = admin_client.post(KEYS, {"action": "revoke", "_selected_action": row.pk}).content.decode()
    assert "Revoke these keys?" in page
    assert "phone app" in page
    assert ApiKey.objects.usable().exists()


def test_a_confirmed_revocation_is_reported_and_final(admin_client, tenant):
    row, _ = keys.issue(tenant, name="phone app")
    data = {"action": "revoke", "_selected_action": row.pk, "confirmed": "yes"}
    assert "Keys revoked: 1." in admin_client.post(KEYS, data, follow=True).content.decode()
    assert "Keys revoked: 0." in admin_client.post(KEYS, data, follow=True).content.decode()
    assert not ApiKey.objects.usable().exists()


def test_an_added_key_has_the_scopes_that_were_ticked(admin_client, tenant):
    issue(admin_client, tenant, scopes=["read"])
    assert ApiKey.objects.get().scopes == ["read"]


def test_a_key_without_a_scope_is_refused(admin_client, tenant):
    issue(admin_client, tenant, scopes=[])
    assert not ApiKey.objects.exists()


def test_rotating_asks_first(admin_client, tenant):
    row, _ = keys.issue(tenant, name="phone app")
    page = admin_client.post(KEYS, {"action": "rotate", "_selected_action": row.pk}).content.decode()
    assert "Rotate these keys?" in page
    assert ApiKey.objects.count() == 1


def test_a_rotated_key_has_a_successor_that_is_shown_once(admin_client, tenant):
    row, _ = keys.issue(tenant, name="phone app", scopes=["read"])
    data = {"action": "rotate", "_selected_action": row.pk, "confirmed": "yes"}
    shown = re.findall(r"mlk_[\w-]{43}", admin_client.post(KEYS, data, follow=True).content.decode())
    successor = ApiKey.objects.exclude(pk=row.pk).get()
    assert [keys.digest(key) for key in shown] == [successor.digest]
    assert (successor.name, successor.scopes) == ("phone app", ["read"])
    assert not re.findall(r"mlk_[\w-]{43}", admin_client.get(KEYS).content.decode())


@pytest.mark.parametrize("state", ["usable", "expired", "revoked"])
def test_keys_are_listed_by_their_state(admin_client, tenant, state):
    for name in ("usable", "expired", "revoked"):
        keys.issue(tenant, name=name)
    ApiKey.objects.filter(name="expired").update(expires_at=timezone.now() - timedelta(days=1))
    ApiKey.objects.filter(name="revoked").update(revoked_at=timezone.now())
    assert [row.name for row in listed(admin_client, KEYS, state=state)] == [state]


def test_keys_are_listed_by_tenant(admin_client, tenant):
    keys.issue(tenant, name="mine")
    keys.issue(TenantFactory.create(), name="theirs")
    assert [row.name for row in listed(admin_client, KEYS, tenant__id__exact=tenant.pk)] == ["mine"]


@pytest.mark.parametrize("address", [KEYS, TENANTS, END_USERS])
def test_thirty_rows_take_as_many_queries_as_three(admin_client, address):
    def issue_keys(count):
        for _ in range(count):
            user = EndUserFactory.create()
            keys.issue(user.tenant, name="phone app", end_user=user)

    issue_keys(3)
    few = queries(admin_client, address)
    issue_keys(27)
    assert queries(admin_client, address) == few


def test_a_count_stops_at_its_cap(admin_client, monkeypatch):
    monkeypatch.setattr(CappedPaginator, "CAP", 3)
    TenantFactory.create_batch(5)
    assert "3 or more" in admin_client.get(TENANTS).content.decode()
