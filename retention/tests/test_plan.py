"""What policies and rules choose."""

from datetime import datetime, timedelta
from typing import cast

import pytest
from django.utils import timezone

from memories.importance import Formula, importance
from memories.models import Conversation, Hold, Message
from memories.tests.factories import ConversationFactory, MessageFactory
from retention import runs
from retention.models import Action, Policy, Rule, Run
from retention.tests.factories import aged
from tenants.models import Tenant
from tenants.tests.factories import EndUserFactory, TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversation(tenant) -> Conversation:
    return ConversationFactory.create(tenant=tenant)


def policy(tenant: Tenant, **limits: object) -> None:
    Policy.objects.update_or_create(tenant=tenant, defaults=limits)


def rule(tenant: Tenant, rule_type: str, action: str = Action.ARCHIVE, **conditions: object) -> Rule:
    priority = int(str(conditions.pop("priority", 100)))
    name = f"{rule_type} {Rule.objects.count()}"
    return Rule.objects.create(
        tenant=tenant, name=name, rule_type=rule_type, action=action, conditions=conditions, priority=priority
    )


def planned(tenant: Tenant, **options: object) -> dict[str, set[Message]]:
    """What a dry run would do: the messages of each action."""
    with plain_login():
        run = runs.begin(tenant, trigger=Run.Trigger.API, dry_run=True, **options)  # type: ignore[arg-type]
    chosen = {action: set(run.items.filter(action=action).values_list("message_id", flat=True)) for action in Action}
    messages = Message.objects.in_bulk()
    return {action: {messages[pk] for pk in ids} for action, ids in chosen.items() if ids}


def test_without_a_policy_the_settings_decide(tenant, conversation) -> None:
    old = aged(31, conversation=conversation)
    aged(29, conversation=conversation)
    gone = aged(200, conversation=conversation, archived_at=timezone.now() - timedelta(days=91))
    aged(200, conversation=conversation, archived_at=timezone.now() - timedelta(days=89))
    assert planned(tenant) == {Action.ARCHIVE: {old}, Action.DELETE: {gone}}


def test_what_is_important_stays_however_old(tenant, conversation) -> None:
    aged(300, conversation=conversation, importance_override=1.0)
    unimportant = aged(300, conversation=conversation, importance_override=0.0)
    assert planned(tenant) == {Action.ARCHIVE: {unimportant}}


def test_importance_is_that_of_the_moment(tenant, conversation) -> None:
    """A score frozen at ingest would let nothing expire."""
    message = aged(40, conversation=conversation, stored_importance=1.0)
    assert planned(tenant) == {Action.ARCHIVE: {message}}


def test_a_policy_of_age_alone_spares_nothing_for_its_importance(tenant, conversation) -> None:
    policy(tenant, max_age_days=30)
    important = aged(31, conversation=conversation, importance_override=1.0)
    assert planned(tenant) == {Action.ARCHIVE: {important}}


def test_a_policy_without_limits_plans_nothing(tenant, conversation) -> None:
    policy(tenant)
    aged(3000, conversation=conversation)
    assert planned(tenant) == {}


def test_of_too_many_items_the_least_important_go(tenant, conversation) -> None:
    policy(tenant, max_items=2)
    least, *_ = [aged(1, conversation=conversation, importance_override=share) for share in (0.1, 0.5, 0.9)]
    assert planned(tenant) == {Action.ARCHIVE: {least}}


def test_items_are_counted_in_each_conversation(tenant) -> None:
    policy(tenant, max_items_per_conversation=1)
    talks = ConversationFactory.create_batch(2, tenant=tenant)
    old, _new, other = aged(2, conversation=talks[0]), aged(1, conversation=talks[0]), aged(5, conversation=talks[1])
    assert planned(tenant) == {Action.ARCHIVE: {old}}
    assert other


def test_what_another_limit_takes_makes_room(tenant, conversation) -> None:
    policy(tenant, max_age_days=30, max_items=1)
    old, _new = aged(31, conversation=conversation, importance_override=1.0), aged(1, conversation=conversation)
    assert planned(tenant) == {Action.ARCHIVE: {old}}


def test_only_the_actions_asked_for_are_planned(tenant, conversation) -> None:
    aged(31, conversation=conversation)
    gone = aged(200, conversation=conversation, archived_at=timezone.now() - timedelta(days=91))
    assert planned(tenant, actions=[Action.DELETE]) == {Action.DELETE: {gone}}


def test_other_tenants_are_left_alone(tenant) -> None:
    aged(300, conversation=ConversationFactory.create(tenant=TenantFactory.create()))
    assert planned(tenant) == {}


# --- Holds and pins ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["tenant", "conversation", "end_user", "message"])
def test_a_legal_hold_keeps_what_it_is_on(tenant, conversation, target: str) -> None:
    held = aged(300, conversation=conversation, end_user=EndUserFactory.create(tenant=tenant))
    Hold.objects.create(
        tenant=tenant,
        **({} if target == "tenant" else {target: held if target == "message" else getattr(held, target)}),
    )
    assert planned(tenant) == {}


@pytest.mark.parametrize("target", ["conversation", "end_user", "message"])
def test_a_legal_hold_keeps_nothing_else(tenant, conversation, target: str) -> None:
    held = aged(300, conversation=conversation, end_user=EndUserFactory.create(tenant=tenant))
    others = {
        aged(300, conversation=ConversationFactory.create(tenant=tenant), end_user=user)
        for user in (None, EndUserFactory.create(tenant=tenant))
    }
    Hold.objects.create(tenant=tenant, **{target: held if target == "message" else getattr(held, target)})
    assert planned(tenant) == {Action.ARCHIVE: others}


def test_a_pinned_message_stays(tenant, conversation) -> None:
    pinned, other = aged(300, conversation=conversation), aged(300, conversation=conversation)
    Hold.objects.create(tenant=tenant, kind=Hold.Kind.PIN, message=pinned)
    assert planned(tenant) == {Action.ARCHIVE: {other}}


# --- Rules ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def unlimited(tenant) -> Tenant:
    """A tenant whose policy does nothing, so that rules alone decide."""
    policy(tenant)
    return cast("Tenant", tenant)


def test_an_age_rule_concerns_archived_messages_too_when_it_deletes(unlimited, conversation) -> None:
    rule(unlimited, "age", Action.DELETE, max_age_days=10)
    live, archived = (
        aged(11, conversation=conversation),
        aged(11, conversation=conversation, archived_at=timezone.now()),
    )
    aged(9, conversation=conversation)
    assert planned(unlimited) == {Action.DELETE: {live, archived}}


def test_an_importance_rule_goes_by_the_moment(unlimited, conversation) -> None:
    rule(unlimited, "importance", importance_threshold=0.5)
    low = aged(14, conversation=conversation)
    aged(0, conversation=conversation)
    assert planned(unlimited) == {Action.ARCHIVE: {low}}


def test_a_conversation_rule_goes_by_its_last_message(unlimited) -> None:
    rule(unlimited, "conversation_age", max_age_days=7)
    idle, busy = ConversationFactory.create_batch(2, tenant=unlimited)
    gone = {aged(30, conversation=idle), aged(8, conversation=idle)}
    aged(30, conversation=busy)
    aged(1, conversation=busy)
    assert planned(unlimited) == {Action.ARCHIVE: gone}


def test_a_max_items_rule_may_count_by_conversation(unlimited, conversation) -> None:
    rule(unlimited, "max_items", Action.COLD, max_items=1, per="conversation")
    old, _new = aged(2, conversation=conversation), aged(1, conversation=conversation)
    assert planned(unlimited) == {Action.COLD: {old}}


@pytest.mark.parametrize(
    ("conditions", "fits"),
    [
        ({"role": ["tool"]}, True),
        ({"role": ["user", "system"]}, False),
        ({"metadata": {"topic": "debug"}}, True),
        ({"metadata": {"topic": "other"}}, False),
        ({"longer_than": 9}, True),
        ({"longer_than": 10}, False),
        ({"shorter_than": 11}, True),
        ({"shorter_than": 10}, False),
        ({"older_than_days": 4}, True),
        ({"older_than_days": 6}, False),
        ({"younger_than_days": 6}, True),
        ({"younger_than_days": 4}, False),
        ({"importance_below": 0.9}, True),
        ({"importance_above": 0.9}, False),
        ({"role": ["tool"], "older_than_days": 6}, False),
    ],
)
def test_a_custom_rule_takes_what_meets_all_its_conditions(unlimited, conversation, conditions, fits) -> None:
    rule(unlimited, "custom", Action.DELETE, **conditions)
    message = aged(5, conversation=conversation, role="tool", content="0123456789", metadata={"topic": "debug"})
    assert planned(unlimited) == ({Action.DELETE: {message}} if fits else {})


def test_the_rule_of_lowest_priority_number_decides(unlimited, conversation) -> None:
    rule(unlimited, "age", Action.DELETE, max_age_days=1, priority=2)
    rule(unlimited, "age", Action.ARCHIVE, max_age_days=10, priority=1)
    old, newer = aged(11, conversation=conversation), aged(2, conversation=conversation)
    assert planned(unlimited) == {Action.ARCHIVE: {old}, Action.DELETE: {newer}}


def test_rules_decide_before_the_policy(tenant, conversation) -> None:
    rule(tenant, "age", Action.COLD, max_age_days=60)
    old, oldish = aged(61, conversation=conversation), aged(31, conversation=conversation)
    assert planned(tenant) == {Action.COLD: {old}, Action.ARCHIVE: {oldish}}


def test_a_disabled_rule_decides_nothing(unlimited, conversation) -> None:
    Rule.objects.filter(pk=rule(unlimited, "age", max_age_days=1).pk).update(enabled=False)
    aged(11, conversation=conversation)
    assert planned(unlimited) == {}


# --- The report -------------------------------------------------------------------------------------------------------


def test_a_run_reports_what_it_planned(tenant, conversation) -> None:
    old, older = aged(31, conversation=conversation, content="äb"), aged(40, conversation=conversation, content="c")
    run = runs.begin(tenant, trigger=Run.Trigger.API, dry_run=True)
    (one,) = run.planned
    assert (one["action"], one["count"], one["bytes"]) == ("archive", 2, 3 + 1 + 2 * len("{}"))
    assert one["reason"] == "older than max_age_days and below importance_threshold"
    span = [datetime.fromisoformat(one[end]) for end in ("oldest", "newest")]
    assert span == [older.created_at, old.created_at]
    assert [row["message_id"] for row in run.sample] == [str(older.pk), str(old.pk)]
    assert (run.total, run.status) == (2, Run.Status.COMPLETED)


def test_the_plan_agrees_with_importance_as_python_has_it(tenant, conversation) -> None:
    """SQL and Python, on some hundred messages around the threshold."""
    policy(tenant, importance_threshold=0.35)
    now = timezone.now()
    messages = [
        MessageFactory.create(
            conversation=conversation,
            role=role,
            importance_override=share,
            created_at=now - timedelta(days=days),
        )
        for role in ("user", "assistant", "tool", "system")
        for share in (None, 0.0, 0.2, 0.5)
        for days in (1, 8, 12, 17, 19, 25, 60)
    ]
    expected = {
        one
        for one in messages
        if importance(one.role, one.importance_override, one.created_at, now=now, formula=Formula.from_settings())
        < 0.35
    }
    assert planned(tenant, now=now) == {Action.ARCHIVE: expected}
