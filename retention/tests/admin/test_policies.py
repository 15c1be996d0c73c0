"""Policies as an operator sees them."""

from django.urls import reverse

from retention import runs
from retention.models import Mode, Policy, Run
from retention.tests.factories import aged
from tenants.tests.admin_pages import act, adding, complaints, listing, page, text
from tenants.tests.factories import TenantFactory

POLICY = "retention_policy"


def test_a_policy_starts_as_a_dry_run(browser):
    assert browser.get(adding(POLICY)).context["adminform"].form["mode"].value() == Mode.DRY_RUN


def test_a_policy_is_made(browser, tenant):
    browser.post(adding(POLICY), {"tenant": tenant.pk, "mode": "enforce", "max_age_days": "30"})
    made = Policy.objects.get()
    assert (made.tenant, made.mode, made.max_age_days, made.max_items) == (tenant, "enforce", 30, None)


def test_a_tenant_has_one_policy(browser, tenant):
    Policy.objects.create(tenant=tenant)
    response = browser.post(adding(POLICY), {"tenant": tenant.pk, "mode": "enforce"})
    assert "tenant" in complaints(response)


def test_a_threshold_beyond_one_is_refused_in_words(browser, tenant):
    response = browser.post(
        adding(POLICY), {"tenant": tenant.pk, "mode": "enforce", "importance_threshold": "1.5", "max_age_days": "0"}
    )
    assert set(complaints(response)) == {"importance_threshold", "max_age_days"}


def test_the_tenant_of_a_policy_stays(browser, tenant):
    policy = Policy.objects.create(tenant=tenant)
    browser.post(page(policy), {"tenant": TenantFactory.create().pk, "mode": "enforce"})
    policy.refresh_from_db()
    assert (policy.tenant, policy.mode) == (tenant, "enforce")


def test_tenants_without_a_policy_are_named_with_the_limits_they_go_by(browser, tenant, settings):
    settings.MEMORY_RETENTION_MAX_AGE_DAYS = 47
    Policy.objects.create(tenant=TenantFactory.create(slug="has-its-own"))
    shown = text(browser.get(listing(POLICY)))
    assert "47 days" in shown
    assert f'{adding(POLICY)}?tenant={tenant.pk}">{tenant.slug}' in shown
    assert ">has-its-own</a>," not in shown


def test_planning_now_leads_to_a_dry_run_of_the_policy(browser, tenant, conversation):
    policy = Policy.objects.create(tenant=tenant, mode="enforce", max_age_days=10)
    message = aged(20, conversation=conversation)
    response = browser.post(listing(POLICY), {"action": "plan_now", "_selected_action": policy.pk})
    run = Run.objects.get()
    assert response["Location"] == page(run)
    assert (run.dry_run, run.total, run.trigger) == (True, 1, "admin")
    message.refresh_from_db()
    assert message.archived_at is None


def test_planning_several_leads_to_the_dry_runs(browser):
    policies = [Policy.objects.create(tenant=TenantFactory.create(), max_age_days=10) for _ in range(2)]
    assert "Dry runs made: 2." in act(browser, POLICY, "plan_now", *policies)
    assert Run.objects.filter(dry_run=True).count() == 2


def test_too_many_are_not_planned_at_once(browser, monkeypatch):
    monkeypatch.setattr("retention.admin.policies.PLANNED_AT_ONCE", 1)
    policies = [Policy.objects.create(tenant=TenantFactory.create()) for _ in range(2)]
    assert "At most 1 at once" in act(browser, POLICY, "plan_now", *policies)
    assert not Run.objects.exists()


def test_a_policys_page_has_the_button_and_the_last_runs(browser, tenant):
    policy = Policy.objects.create(tenant=tenant)
    mine, theirs = (runs.begin(one, trigger="api", dry_run=True) for one in (tenant, TenantFactory.create()))
    shown = text(browser.get(page(policy)))
    assert 'name="action" value="plan_now"' in shown
    assert page(mine) in shown
    assert page(theirs) not in shown


def test_a_viewer_plans_nothing(viewer, tenant):
    policy = Policy.objects.create(tenant=tenant)
    assert "plan_now" not in text(viewer.get(page(policy)))
    act(viewer, POLICY, "plan_now", policy)
    assert not Run.objects.exists()
    assert viewer.get(reverse("admin:retention_policy_add")).status_code == 403
