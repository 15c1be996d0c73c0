"""Rules as an operator sees them."""

import json

import pytest

from retention.models import Rule
from tenants.models import AuditEvent
from tenants.tests.admin_pages import act, adding, complaints, listed, page, text
from tenants.tests.factories import TenantFactory

RULE = "retention_rule"
LIST = "/admin/retention/rule/"


def asked(tenant, **fields):
    return {
        "tenant": tenant.pk,
        "name": "old ones",
        "rule_type": "age",
        "conditions": '{"max_age_days": 10}',
        "action": "archive",
        "priority": "5",
        "enabled": "on",
    } | fields


def rule_of(tenant, **fields):
    row = {"name": "old ones", "rule_type": "age", "conditions": {"max_age_days": 10}, "action": "archive"} | fields
    return Rule.objects.create(tenant=tenant, **row)


def test_a_rule_is_made(browser, tenant):
    browser.post(adding(RULE), asked(tenant))
    rule = Rule.objects.get()
    assert (rule.tenant, rule.conditions, rule.priority, rule.enabled) == (tenant, {"max_age_days": 10}, 5, True)


@pytest.mark.parametrize(
    ("rule_type", "conditions", "said"),
    [
        ("age", {"max_age_days": "soon"}, "max_age_days: "),
        ("age", {"older_than": 3}, "older_than: "),
        ("importance", {"importance_threshold": 2}, "importance_threshold: "),
        ("custom", {"role": ["nobody"]}, "role: "),
        ("custom", [1], ""),
    ],
)
def test_bad_conditions_are_refused_on_their_field(browser, tenant, rule_type, conditions, said):
    response = browser.post(adding(RULE), asked(tenant, rule_type=rule_type, conditions=json.dumps(conditions)))
    errors = complaints(response)
    assert list(errors) == ["conditions"]
    assert errors["conditions"][0].startswith(said)
    assert not Rule.objects.exists()


@pytest.mark.parametrize("conditions", ["{", "{}", ""])
def test_conditions_that_are_none_are_refused(browser, tenant, conditions):
    assert "conditions" in complaints(browser.post(adding(RULE), asked(tenant, conditions=conditions)))


def test_changed_conditions_are_checked_by_the_new_type(browser, tenant):
    rule = rule_of(tenant)
    assert "conditions" in complaints(browser.post(page(rule), asked(tenant, rule_type="max_items")))


@pytest.mark.parametrize("is_there", [False, True])
def test_a_name_that_is_taken_is_refused_in_words(browser, tenant, is_there):
    rule_of(tenant)
    address = page(rule_of(tenant, name="other")) if is_there else adding(RULE)
    assert "name" in complaints(browser.post(address, asked(tenant)))


def test_another_tenant_may_have_the_name(browser, tenant):
    rule_of(TenantFactory.create())
    browser.post(adding(RULE), asked(tenant))
    assert Rule.objects.for_tenant(tenant).exists()


def test_the_form_names_the_fields_of_each_type(browser):
    shown = text(browser.get(adding(RULE)))
    for name in ("max_age_days", "importance_threshold", "max_items", "shorter_than", "importance_above"):
        assert f"<code>{name}</code>" in shown
    assert "<code>per</code> (tenant, conversation)" in shown
    assert "<code>role</code> (of user, assistant, system, tool)" in shown


def test_rules_stand_in_the_order_in_which_they_decide(browser):
    b, a = TenantFactory.create(slug="b"), TenantFactory.create(slug="a")
    rules = [rule_of(b, priority=1), rule_of(a, priority=7), rule_of(a, name="first", priority=3)]
    assert listed(browser, LIST) == rules[::-1]


@pytest.mark.parametrize(("action", "before"), [("enable", False), ("disable", True)])
def test_rules_are_switched_after_a_question(browser, tenant, action, before):
    rule = rule_of(tenant, enabled=before)
    assert f"{action.capitalize()} these rules?" in act(browser, RULE, action, rule)
    rule.refresh_from_db()
    assert rule.enabled is before
    assert f"Rules {action}d: 1." in act(browser, RULE, action, rule, confirmed="yes")
    rule.refresh_from_db()
    assert rule.enabled is not before
    assert AuditEvent.objects.get(action="admin.changed").detail == {"fields": ["enabled"]}


def test_a_viewer_looks_at_a_rule_and_switches_none(viewer, tenant):
    rule = rule_of(tenant)
    assert "old ones" in text(viewer.get(page(rule)))
    act(viewer, RULE, "disable", rule, confirmed="yes")
    rule.refresh_from_db()
    assert rule.enabled
