"""The shapes of sessions and facts (SPEC §3.4)."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from memories.api import fields
from memories.api.serializers import NewMessageSerializer
from memories.facts.confidence import confidence_now
from memories.facts.provenance import latest_sources
from memories.facts.statements import CHARACTERS_MIN, WORDS_MIN
from memories.models import Fact
from memories.vocabulary import Category, Slot, TemporalState
from tenants.api.fields import Choice, Flag, Moment, TenantId, Text, UserId, Whole
from tenants.api.serializers import PageQuery, StrictSerializer, TenantQuery, UpdateSerializer
from tenants.models import Tenant

FACT_MAX = 2000
PREVIEW = 200  # characters
CONFIDENCE_DIGITS = 4
YEARS_100 = 36_500  # days
OWN_USER = "May be left out with a key of an end user."


class CategoryField(Choice):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=Category.choices, **kwargs)


class TemporalStateField(Choice):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=TemporalState.choices, **kwargs)


class SlotField(Choice):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=Slot.choices, **kwargs)


class ConfidenceField(serializers.FloatField):
    """Of a fact as it is now; `context["now"]` says when that is."""

    def __init__(self) -> None:
        super().__init__(source="*", read_only=True, help_text="0 to 1, as of now: it fades until said again.")

    def to_representation(self, value: Any) -> Any:
        now = confidence_now(value.confidence, value.last_refreshed_at, now=self.context["now"])
        return round(now, CONFIDENCE_DIGITS)


def has_several_words(value: str) -> None:
    if len(value.split()) < WORDS_MIN:
        raise serializers.ValidationError(f"A fact has {WORDS_MIN} words at least.", code="too_few_words")


# --- Sessions -----------------------------------------------------------------------------------------------------


class NewSession(StrictSerializer):
    tenant_id = TenantId()
    user_id = UserId(required=False, allow_null=True, help_text=OWN_USER)


class SessionSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="external_id")
    user_id = serializers.CharField(source="end_user.public_id")
    created_at = serializers.DateTimeField()


class NewTurn(NewMessageSerializer):
    conversation_id = None  # type: ignore[assignment]  # it is called session_id here
    session_id = fields.ConversationId()
    user_id = UserId(required=False, allow_null=True, help_text=OWN_USER)


class IngestedTurn(serializers.Serializer[Any]):
    status = serializers.CharField(help_text="Always `queued`: the job tells how it goes.")
    job_id = serializers.UUIDField(allow_null=True, help_text="Null for a repeat whose job is long done.")
    chat_log_id = serializers.UUIDField(help_text="The id of the message.")


class HistoryQuery(TenantQuery):
    limit = Whole(default=50, min_value=1, max_value=500)


class HistoryTurn(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    session_id = serializers.CharField(source="conversation.external_id")
    role = fields.RoleField()
    content = serializers.CharField()
    timestamp = serializers.DateTimeField(source="created_at")


@extend_schema_serializer(many=False)
class History(serializers.Serializer[Any]):
    session_id = serializers.CharField()
    messages = HistoryTurn(many=True)


# --- Facts --------------------------------------------------------------------------------------------------------


class FactSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    category = CategoryField()
    content = serializers.CharField()
    confidence = ConfidenceField()
    temporal_state = TemporalStateField()
    slot_hint = SlotField(source="slot", allow_null=True)
    is_essential = serializers.BooleanField()
    source_message_id = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    last_refreshed_at = serializers.DateTimeField()
    valid_from = serializers.DateTimeField()
    valid_until = serializers.DateTimeField(allow_null=True)
    superseded_by = serializers.UUIDField(source="replaced_by_id", allow_null=True)

    def get_source_message_id(self, fact: Fact) -> UUID | None:
        source: UUID | None = self.context["sources"].get(fact.pk)
        return source


def shown(facts: Collection[Fact], *, tenant: Tenant, now: datetime) -> list[dict[str, Any]]:
    """Facts as a response has them; in the tenant's scope."""
    return list(FactSerializer(facts, many=True, context=context_of(facts, tenant=tenant, now=now)).data)


def context_of(facts: Collection[Fact], *, tenant: Tenant, now: datetime) -> dict[str, Any]:
    """What the shape of facts wants to know beside them; in the tenant's scope."""
    return {"now": now, "sources": latest_sources(facts, tenant=tenant)}


class FactQuery(PageQuery):
    limit = Whole(default=100, min_value=1, max_value=1000)
    category = CategoryField(required=False)
    slot_hint = SlotField(source="slot", required=False)


@extend_schema_serializer(many=False)
class FactPage(serializers.Serializer[Any]):
    facts = FactSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class FactChanges(UpdateSerializer):
    content = Text(
        required=False,
        min_length=CHARACTERS_MIN,
        max_length=FACT_MAX,
        validators=[has_several_words],
        help_text=f"{WORDS_MIN} words at least.",
    )
    category = CategoryField(required=False)
    slot_hint = SlotField(source="slot", required=False, allow_null=True, help_text="Null: none.")
    temporal_state = TemporalStateField(required=False)
    valid_from = Moment(required=False)
    valid_until = Moment(required=False, allow_null=True, help_text="Not before `valid_from`; null: no end is known.")


class FactSourceSerializer(serializers.Serializer[Any]):
    fact_id = serializers.UUIDField()
    source_message_id = serializers.UUIDField(allow_null=True)
    session_id = serializers.CharField(allow_null=True)
    role = fields.RoleField(allow_null=True)
    content = serializers.CharField(allow_null=True)
    content_preview = serializers.CharField(allow_null=True, help_text=f"The first {PREVIEW} characters.")
    timestamp = serializers.DateTimeField(allow_null=True)
    source_available = serializers.BooleanField(help_text="False when the message was deleted.")


class TimelineQuery(TenantQuery):
    user_id = UserId(required=False, help_text=OWN_USER)
    category = CategoryField(required=False)
    slot_hint = SlotField(source="slot", required=False)
    include_historical = Flag(default=True)


class TimelineEntry(serializers.Serializer[Any]):
    fact_id = serializers.UUIDField(source="id")
    content = serializers.CharField()
    category = CategoryField()
    confidence = ConfidenceField()
    temporal_state = TemporalStateField()
    slot_hint = SlotField(source="slot", allow_null=True)
    valid_from = serializers.DateTimeField()
    valid_until = serializers.DateTimeField(allow_null=True)
    replaced_by_id = serializers.UUIDField(allow_null=True)
    is_current = serializers.BooleanField()


class TimelineSerializer(serializers.Serializer[Any]):
    slot_hint = SlotField(allow_null=True)
    current_fact = FactSerializer(allow_null=True)
    history = TimelineEntry(many=True)


# --- Recall -------------------------------------------------------------------------------------------------------


class RecallBody(StrictSerializer):
    tenant_id = TenantId()
    user_id = UserId(required=False, allow_null=True, help_text=OWN_USER)
    query = Text(max_length=8000)
    limit = Whole(default=5, min_value=1, max_value=20)
    categories = serializers.ListField(
        child=CategoryField(), required=False, allow_null=True, max_length=len(Category), help_text="Default: all."
    )
    max_age_days = Whole(
        required=False, allow_null=True, min_value=1, max_value=YEARS_100, help_text="Since it was last said."
    )
    current_view_only = Flag(default=True)
    include_historical = Flag(default=False, help_text="Also what holds no more.")


class RecalledFact(FactSerializer):
    score = serializers.FloatField(help_text="0 to 1: how well it answers the query.")


@extend_schema_serializer(many=False)
class RecallResponse(serializers.Serializer[Any]):
    relevant_facts = RecalledFact(many=True)


class ConsciousQuery(TenantQuery):
    max_facts = Whole(default=20, min_value=1, max_value=100)


class ProfileSerializer(serializers.Serializer[Any]):
    """`updated_at` is null, and the rest empty, until a profile is written."""

    summary = serializers.CharField()
    key_traits = serializers.ListField(child=serializers.CharField())
    updated_at = serializers.DateTimeField(allow_null=True)


@extend_schema_serializer(many=False)
class Conscious(serializers.Serializer[Any]):
    user_id = serializers.CharField()
    essential_facts = FactSerializer(many=True)
    relevant_facts = FactSerializer(many=True, help_text="The same as `essential_facts`.")
    profile = ProfileSerializer()


class QueuedJob(serializers.Serializer[Any]):
    status = serializers.CharField(help_text="Always `queued`: the job tells how it goes.")
    message = serializers.CharField()
    job_id = serializers.UUIDField()
