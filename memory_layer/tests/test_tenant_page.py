"""What a tenant's page tells besides its fields."""

from datetime import UTC, timedelta

import pytest
from django.utils import timezone

from memories.models import DailyUsage, TenantSize
from retention.models import Policy
from tenants import keys
from tenants.tests.admin_pages import page, text

pytestmark = pytest.mark.django_db
NOW = timezone.now()
TODAY = NOW.astimezone(UTC).date()


def shown(browser, tenant):
    return browser.get(page(tenant)).context


def limits(browser, tenant):
    return {row[0]: row[1:] for row in shown(browser, tenant)["limits"]["rows"]}


def test_usage_is_that_of_the_tenant(browser, tenant):
    DailyUsage.objects.create(tenant=tenant, day=TODAY, user_messages=2, searches=5)
    DailyUsage.objects.create(tenant=tenant, day=TODAY - timedelta(days=2), user_messages=1)
    context = shown(browser, tenant)
    assert context["today"][:2] == [("Messages", "2"), ("Searches", "5")]
    assert [value for _, value in context["drawn"].rows[-3:]] == ["1", "0", "2"]


def test_a_size_is_told_once_it_is_measured(browser, tenant):
    assert "Not measured yet" in text(browser.get(page(tenant)))
    TenantSize.objects.create(tenant=tenant, messages=12_000, bytes=2048, measured_at=NOW)
    assert shown(browser, tenant)["size"][0] == ("Messages", "12,000")


def test_limits_of_the_settings_apply_where_there_are_none(browser, tenant, settings):
    settings.MEMORY_TENANT_RATE_LIMIT, settings.MEMORY_LLM_DAILY_TOKEN_BUDGET = "120/minute", 5000
    assert limits(browser, tenant)["Requests"] == ["120/minute", "the settings"]
    assert limits(browser, tenant)["Tokens a day"] == ["5,000", "the settings"]


def test_limits_of_its_own_come_first(browser, tenant):
    tenant.rate_limit, tenant.daily_token_budget, tenant.language = "5/second", 0, "german"
    tenant.save()
    assert limits(browser, tenant)["Requests"] == ["5/second", "the tenant"]
    assert limits(browser, tenant)["Tokens a day"] == ["no limit", "the tenant"]
    assert limits(browser, tenant)["Language"] == ["German", "the tenant"]


def test_the_policy_in_force_is_that_of_the_settings_or_its_own(browser, tenant, settings):
    settings.MEMORY_RETENTION_MAX_AGE_DAYS = 31
    assert "archived after 31 days" in shown(browser, tenant)["policy"]["said"]
    policy = Policy.objects.create(tenant=tenant, max_items=1000)
    found = shown(browser, tenant)["policy"]
    assert found["mode"] == "Dry run"
    assert found["said"] == ["of more than 1,000 messages the least important are archived"]
    assert page(policy) in found["link"]


def test_keys_that_open_something_are_listed(browser, tenant):
    usable, _ = keys.issue(tenant, name="app")
    revoked, _ = keys.issue(tenant, name="old")
    keys.revoke(type(revoked).objects.filter(pk=revoked.pk))
    rows = shown(browser, tenant)["keys"]["table"]["rows"]
    assert [row[1] for row in rows] == ["app"]
    assert page(usable) in rows[0][0]


def test_who_may_not_see_keys_or_policies_does_not(tenant, django_user_model):
    from django.contrib.auth.models import Permission

    from tenants.tests.plain_login import PlainBrowser

    user = django_user_model.objects.create_user("accounts", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_tenant"))
    browser = PlainBrowser()
    browser.force_login(user)
    context = shown(browser, tenant)
    assert (context["keys"], context["policy"]) == (None, None)


def test_a_new_tenants_form_has_none_of_it(browser):
    assert "limits" not in browser.get("/admin/tenants/tenant/add/").context
