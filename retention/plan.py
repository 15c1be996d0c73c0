"""What a policy and its rules would do with a tenant's messages at a moment.

A plan is a list of criteria, each a selection in SQL over all rows. Writing it down gives a run its items; whether they
are carried out is another question (`retention.runs`), so that a dry run is the same plan, not applied.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q

from memories.models import Hold, Message
from memories.models.message import MessageQuerySet
from retention import conditions
from retention.conditions import Select
from retention.models import Action, PlannedItem, Policy, Rule, Run
from tenants.models import Tenant

SAMPLE = 20
INSERT = (
    "INSERT INTO retention_planneditem (tenant_id, run_id, action, reason, message_id, was_archived)"
    " SELECT %s, %s, %s, %s, chosen.* FROM ({chosen}) AS chosen"
)
COUNT = """
SELECT action, reason, count(*)::int AS count, to_json(min(created_at))#>>'{}' AS oldest,
    to_json(max(created_at))#>>'{}' AS newest,
    sum(octet_length(content) + octet_length(metadata::text))::bigint AS bytes
FROM retention_planneditem JOIN memories_message ON memories_message.id = message_id
WHERE run_id = %s GROUP BY action, reason ORDER BY action, reason
"""


@dataclass(frozen=True)
class Criterion:
    """The messages that `select` chooses go the way of `action`; `reason` is what people read."""

    action: str
    reason: str
    select: Select


def criteria(policy: Policy, rules: Sequence[Rule], *, actions: Collection[str] = Action.values) -> list[Criterion]:
    """What decides, in order: the first criterion that chooses a message has it. Rules come before the policy."""
    of_rules = [Criterion(rule.action, f"rule: {rule.name}", conditions.chosen_by(rule)) for rule in rules]
    return [one for one in [*of_rules, *_of_policy(policy)] if one.action in actions]


def _of_policy(policy: Policy) -> list[Criterion]:
    found = []
    if policy.max_age_days is not None or policy.importance_threshold is not None:
        found.append(Criterion(Action.ARCHIVE, _aged_reason(policy), _aged(policy)))
    if policy.max_items_per_conversation is not None:
        beyond = conditions.beyond(policy.max_items_per_conversation, per_conversation=True)
        found.append(Criterion(Action.ARCHIVE, "over max_items_per_conversation", beyond))
    if policy.max_items is not None:
        beyond = conditions.beyond(policy.max_items, per_conversation=False)
        found.append(Criterion(Action.ARCHIVE, "over max_items", beyond))
    if policy.delete_after_days is not None:
        found.append(
            Criterion(
                Action.DELETE, "archived for delete_after_days", conditions.archived_for(policy.delete_after_days)
            )
        )
    return found


def _aged_reason(policy: Policy) -> str:
    limits = {"older than max_age_days": policy.max_age_days, "below importance_threshold": policy.importance_threshold}
    return " and ".join(reason for reason, limit in limits.items() if limit is not None)


def _aged(policy: Policy) -> Select:
    """Old and, at that moment, not important enough; of two limits given, both must be crossed."""

    def select(messages: MessageQuerySet, now: datetime) -> MessageQuerySet:
        if policy.max_age_days is not None:
            messages = conditions.older_than(policy.max_age_days)(messages, now)
        if policy.importance_threshold is not None:
            messages = conditions.less_important_than(policy.importance_threshold)(messages, now)
        return messages

    return select


def unprotected(tenant: Tenant) -> MessageQuerySet:
    """The tenant's messages that no hold and no pin keeps."""
    return Message.objects.for_tenant(tenant).free_of(Hold.objects.for_tenant(tenant))


def write_down(run: Run, deciding: Sequence[Criterion]) -> None:
    """Store what `deciding` choose at `run.planned_for` as the items of `run`, and the report on them."""
    choose(run, deciding)
    run.planned = _counted(run)
    run.sample = [row for one in run.planned for row in _sample(run, one["action"], one["reason"])]
    run.total = sum(one["count"] for one in run.planned)


def choose(run: Run, deciding: Sequence[Criterion]) -> None:
    """Store the items alone."""
    for criterion in deciding:
        _insert(run, criterion, _eligible(run, criterion.action))


def _eligible(run: Run, action: str) -> MessageQuerySet:
    """What an action may still be decided for: archiving concerns live messages, deleting and moving all of them."""
    messages = unprotected(run.tenant).exclude(pk__in=PlannedItem.objects.filter(run=run).values("message_id"))
    return messages.live() if action == Action.ARCHIVE else messages


def _insert(run: Run, criterion: Criterion, eligible: MessageQuerySet) -> None:
    in_order = criterion.select(eligible, run.planned_for).order_by("created_at", "pk")
    chosen = in_order.values_list("pk", ExpressionWrapper(Q(archived_at__isnull=False), output_field=BooleanField()))
    query, parameters = chosen.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT.format(chosen=query), [run.tenant_id, run.pk, criterion.action, criterion.reason, *parameters]
        )


def _counted(run: Run) -> list[dict[str, Any]]:
    """For each action and reason: how many messages, the bytes of their text and metadata, the oldest and newest."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [run.pk])
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _sample(run: Run, action: str, reason: str) -> list[dict[str, Any]]:
    """The first of them, the oldest. Ids, not texts: a run outlives what it is about."""
    items = run.items.filter(action=action, reason=reason).order_by("pk")[:SAMPLE]
    return [{"message_id": str(one.message_id), "action": action, "reason": reason} for one in items]
