"""The conditions of rules: what may stand in them, and which messages they choose.

Data, never code: each is an object of the fields below, and what it chooses is a query.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Max, OuterRef, Q, Subquery, Window
from django.db.models.functions import Length, RowNumber
from rest_framework import serializers

from memories.api.fields import MetadataFilter
from memories.importance import Formula, importance_sql
from memories.models import Conversation, Message, Role
from memories.models.message import MessageQuerySet
from retention.models import Rule
from tenants.api.fields import Choice, Number, Share, Whole
from tenants.api.serializers import StrictSerializer

DAYS_MAX = 36_500
Select = Callable[[MessageQuerySet, datetime], MessageQuerySet]


class AgeConditions(StrictSerializer):
    max_age_days = Number(min_value=0, max_value=DAYS_MAX, help_text="Messages older than this.")


class ImportanceConditions(StrictSerializer):
    importance_threshold = Share(help_text="Messages less important than this, at the moment of the run.")


class ConversationAgeConditions(StrictSerializer):
    max_age_days = Number(
        min_value=0, max_value=DAYS_MAX, help_text="Messages of conversations whose last message is older than this."
    )


class MaxItemsConditions(StrictSerializer):
    max_items = Whole(min_value=0, max_value=10**9, help_text="The most important ones stay, up to this number.")
    per = Choice(choices=["tenant", "conversation"], default="tenant")


class CustomConditions(StrictSerializer):
    """Messages that meet every condition given."""

    role = serializers.ListField(child=Choice(choices=Role.choices), min_length=1, required=False)
    metadata = MetadataFilter(required=False, help_text="Keys and the values they must have.")
    longer_than = Whole(min_value=0, required=False, help_text="Characters.")
    shorter_than = Whole(min_value=1, required=False, help_text="Characters.")
    older_than_days = Number(min_value=0, max_value=DAYS_MAX, required=False)
    younger_than_days = Number(min_value=0, max_value=DAYS_MAX, required=False)
    importance_below = Share(required=False)
    importance_above = Share(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Give at least one condition: none would mean all.", code="no_condition")
        return attrs


SHAPES: Mapping[str, type[StrictSerializer]] = {
    Rule.Type.AGE: AgeConditions,
    Rule.Type.IMPORTANCE: ImportanceConditions,
    Rule.Type.CONVERSATION_AGE: ConversationAgeConditions,
    Rule.Type.MAX_ITEMS: MaxItemsConditions,
    Rule.Type.CUSTOM: CustomConditions,
}


def checked(rule_type: str, conditions: Any) -> dict[str, Any]:
    """`conditions` as a rule of this type may have them. Raises REST framework's ValidationError."""
    shape = SHAPES[rule_type](data=conditions)
    shape.is_valid(raise_exception=True)
    return dict(shape.validated_data)


def chosen_by(rule: Rule) -> Select:
    """What the rule chooses among messages at a moment."""
    given = checked(rule.rule_type, rule.conditions)
    match rule.rule_type:
        case Rule.Type.AGE:
            return older_than(given["max_age_days"])
        case Rule.Type.IMPORTANCE:
            return less_important_than(given["importance_threshold"])
        case Rule.Type.CONVERSATION_AGE:
            return in_conversations_idle_for(given["max_age_days"])
        case Rule.Type.MAX_ITEMS:
            return beyond(given["max_items"], per_conversation=given["per"] == "conversation")
    return meeting(given)


def older_than(days: float) -> Select:
    return lambda messages, now: messages.filter(created_at__lt=now - timedelta(days=days))


def less_important_than(threshold: float) -> Select:
    return lambda messages, now: _scored(messages, now).filter(Q(importance_now__lt=threshold))


def archived_for(days: float) -> Select:
    return lambda messages, now: messages.filter(archived_at__lte=now - timedelta(days=days))


def in_conversations_idle_for(days: float) -> Select:
    def select(messages: MessageQuerySet, now: datetime) -> MessageQuerySet:
        own = Message.objects.filter(conversation=OuterRef("pk")).order_by().values("conversation")
        last = Subquery(own.annotate(last=Max("created_at")).values("last"))
        idle = Conversation.objects.alias(last=last).filter(last__lt=now - timedelta(days=days))
        return messages.filter(conversation__in=idle)

    return select


def beyond(max_items: int, *, per_conversation: bool) -> Select:
    """All but the `max_items` most important; of equally important ones the newer stay."""

    def select(messages: MessageQuerySet, now: datetime) -> MessageQuerySet:
        order = [F("importance_now").desc(), F("created_at").desc(), F("pk").desc()]
        group = [F("conversation_id" if per_conversation else "tenant_id")]
        place = Window(RowNumber(), partition_by=group, order_by=order)
        return _scored(messages, now).annotate(place=place).filter(place__gt=max_items)

    return select


def meeting(given: Mapping[str, Any]) -> Select:
    """Messages that meet every one of the conditions of `CustomConditions`."""

    def select(messages: MessageQuerySet, now: datetime) -> MessageQuerySet:
        filters = {
            "role__in": given.get("role"),
            "length__gt": given.get("longer_than"),
            "length__lt": given.get("shorter_than"),
            "created_at__lt": _before(now, given.get("older_than_days")),
            "created_at__gt": _before(now, given.get("younger_than_days")),
            "importance_now__lt": given.get("importance_below"),
            "importance_now__gt": given.get("importance_above"),
        }
        wanted = {name: value for name, value in filters.items() if value is not None}
        scored = _scored(messages.alias(length=Length("content")), now)
        return scored.with_metadata(given.get("metadata", {})).filter(**wanted)

    return select


def _scored(messages: MessageQuerySet, now: datetime) -> MessageQuerySet:
    return messages.alias(importance_now=importance_sql(now=now, formula=Formula.from_settings()))


def _before(now: datetime, days: float | None) -> datetime | None:
    return None if days is None else now - timedelta(days=days)
