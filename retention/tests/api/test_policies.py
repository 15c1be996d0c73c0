"""`/v1/retention/policy` and `/v1/retention/rules`."""

import pytest

from memories.tests.api.calls import complaint
from retention.models import Policy
from tenants.models import AuditEvent

POLICY, RULES = "/v1/retention/policy", "/v1/retention/rules"
RULE = {"name": "tools", "rule_type": "custom", "conditions": {"role": ["tool"]}, "action": "delete"}
PATHS = [("get", POLICY), ("put", POLICY), ("get", RULES), ("post", RULES)]


def test_without_a_policy_the_settings_are_shown(admin_api, tenant) -> None:
    assert admin_api.get(POLICY).json() == {
        "tenant_id": tenant.slug,
        "mode": "enforce",
        "max_age_days": 30,
        "importance_threshold": 0.35,
        "max_items": None,
        "max_items_per_conversation": None,
        "delete_after_days": 90,
        "updated_at": None,
    }
    assert not Policy.objects.exists()


def test_put_changes_what_is_given_and_keeps_the_rest(admin_api) -> None:
    answer = admin_api.put(POLICY, {"max_age_days": 7, "mode": "dry_run", "delete_after_days": None})
    assert answer.status_code == 200
    kept = admin_api.get(POLICY).json()
    assert kept == answer.json()
    assert (kept["max_age_days"], kept["mode"], kept["delete_after_days"]) == (7, "dry_run", None)
    assert kept["importance_threshold"] == 0.35


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"max_age_days": 0}, "max_age_days"),
        ({"max_age_days": 1.5}, "max_age_days"),
        ({"max_age_days": "7"}, "max_age_days"),
        ({"importance_threshold": 1.01}, "importance_threshold"),
        ({"max_items": 2**31}, "max_items"),
        ({"delete_after_days": -1}, "delete_after_days"),
        ({"mode": "off"}, "mode"),
        ({"max_days": 3}, "max_days"),
    ],
)
def test_a_bad_policy_is_refused(admin_api, body, field) -> None:
    status, _code, attr = complaint(admin_api.put(POLICY, body))
    assert status == 400
    assert attr in (field, "non_field_errors")
    assert not Policy.objects.exists()


def test_each_tenant_has_its_own(admin_api, other_admin_api) -> None:
    admin_api.put(POLICY, {"max_age_days": 7})
    assert other_admin_api.get(POLICY).json()["max_age_days"] == 30


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_an_ordinary_key_is_not_enough(api, method: str, path: str) -> None:
    assert complaint(getattr(api, method)(path, {} if method != "get" else None)) == (403, "insufficient_scope", None)


def test_changes_are_audited(admin_api) -> None:
    admin_api.put(POLICY, {"max_age_days": 7})
    event = AuditEvent.objects.get(action="retention_policy.changed")
    assert event.detail == {"max_age_days": 7}


# --- Rules --------------------------------------------------------------------------------------------------------


@pytest.fixture
def rule(admin_api) -> dict[str, object]:
    return dict(admin_api.post(RULES, RULE).json())


def test_a_rule_is_made_shown_changed_and_deleted(admin_api, rule, tenant) -> None:
    path = f"{RULES}/{rule['id']}"
    assert rule | RULE | {"priority": 100, "enabled": True, "tenant_id": tenant.slug} == rule
    assert admin_api.get(path).json() == rule
    changed = admin_api.put(path, {"priority": 5, "conditions": {"longer_than": 10}}).json()
    assert (changed["priority"], changed["conditions"], changed["name"]) == (5, {"longer_than": 10}, "tools")
    assert admin_api.delete(path).status_code == 204
    assert admin_api.get(path).status_code == 404


def test_rules_are_listed_by_pages(admin_api) -> None:
    for name in "abc":
        admin_api.post(RULES, RULE | {"name": name})
    first = admin_api.get(RULES, {"limit": 2}).json()
    rest = admin_api.get(RULES, {"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [[one["name"] for one in page["items"]] for page in (first, rest)] == [["c", "b"], ["a"]]


def test_a_name_is_taken_once(admin_api, rule) -> None:
    assert complaint(admin_api.post(RULES, RULE)) == (409, "rule_exists", None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rule_type": "size"}, "rule_type"),
        ({"action": "burn"}, "action"),
        ({"priority": 0}, "priority"),
        ({"priority": 1001}, "priority"),
        ({"conditions": {}}, "conditions.non_field_errors"),
        ({"conditions": {"role": ["tool"], "sql": "1=1"}}, "conditions.sql"),
        ({"conditions": {"role": ["robot"]}}, "conditions.role.0"),
        ({"conditions": {"metadata": {"a": {"b": 1}}}}, "conditions.metadata"),
        ({"rule_type": "age", "conditions": {"role": ["tool"]}}, "conditions.role"),
        ({"rule_type": "age", "conditions": {"max_age_days": -1}}, "conditions.max_age_days"),
        ({"rule_type": "importance", "conditions": {"importance_threshold": 2}}, "conditions.importance_threshold"),
        ({"rule_type": "max_items", "conditions": {"max_items": 1, "per": "day"}}, "conditions.per"),
        ({"name": ""}, "name"),
    ],
)
def test_a_bad_rule_is_refused_by_the_field_that_is_wrong(admin_api, changes, field) -> None:
    status, _code, attr = complaint(admin_api.post(RULES, RULE | changes))
    assert (status, attr) == (400, field)


def test_a_change_of_type_needs_conditions_that_fit(admin_api, rule) -> None:
    answer = admin_api.put(f"{RULES}/{rule['id']}", {"rule_type": "age"})
    assert complaint(answer)[0] == 400
    assert admin_api.get(f"{RULES}/{rule['id']}").json()["rule_type"] == "custom"


def test_a_rule_of_another_tenant_is_not_there(other_admin_api, rule) -> None:
    path = f"{RULES}/{rule['id']}"
    answers = [other_admin_api.get(path), other_admin_api.put(path, {"priority": 1}), other_admin_api.delete(path)]
    assert [one.status_code for one in answers] == [404, 404, 404]


def test_one_idempotency_key_makes_one_rule(admin_api) -> None:
    answers = [admin_api.post(RULES, RULE, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
