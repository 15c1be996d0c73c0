"""The shapes of requests and responses of retention (SPEC §3.5)."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from memories.api.fields import ConversationId
from memories.models import Hold
from retention import conditions
from retention.models import Action, Mode, Rule, Run
from tenants.api.fields import Choice, Flag, Share, TenantId, Text, UserId, Whole
from tenants.api.serializers import PageQuery, StrictSerializer, UpdateSerializer

DAYS_MAX = conditions.DAYS_MAX
ITEMS_MAX = 2**31 - 1

# --- Policy -------------------------------------------------------------------------------------------------------


class PolicyChanges(UpdateSerializer):
    """What is given is changed; null takes a limit away."""

    mode = Choice(choices=Mode.choices, required=False)
    max_age_days = Whole(min_value=1, max_value=DAYS_MAX, required=False, allow_null=True)
    importance_threshold = Share(required=False, allow_null=True)
    max_items = Whole(min_value=1, max_value=ITEMS_MAX, required=False, allow_null=True)
    max_items_per_conversation = Whole(min_value=1, max_value=ITEMS_MAX, required=False, allow_null=True)
    delete_after_days = Whole(min_value=1, max_value=DAYS_MAX, required=False, allow_null=True)


class PolicyBody(PolicyChanges):
    tenant_id = TenantId()


class PolicySerializer(serializers.Serializer[Any]):
    tenant_id = serializers.CharField(source="tenant.slug")
    mode = serializers.ChoiceField(choices=Mode.choices)
    max_age_days = serializers.IntegerField(allow_null=True)
    importance_threshold = serializers.FloatField(allow_null=True)
    max_items = serializers.IntegerField(allow_null=True)
    max_items_per_conversation = serializers.IntegerField(allow_null=True)
    delete_after_days = serializers.IntegerField(allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True, help_text="null: it is that of the settings.")


# --- Rules --------------------------------------------------------------------------------------------------------


class RuleChanges(UpdateSerializer):
    name = Text(max_length=100, required=False)
    rule_type = Choice(choices=Rule.Type.choices, required=False)
    conditions = serializers.DictField(required=False, help_text="Those of the type; see docs/retention.md.")
    action = Choice(choices=Action.choices, required=False)
    priority = Whole(min_value=1, max_value=1000, required=False, help_text="The lowest number decides first.")
    enabled = Flag(required=False)


class NewRule(StrictSerializer):
    tenant_id = TenantId()
    name = Text(max_length=100)
    rule_type = Choice(choices=Rule.Type.choices)
    conditions = serializers.DictField(help_text="Those of the type; see docs/retention.md.")
    action = Choice(choices=Action.choices)
    priority = Whole(min_value=1, max_value=1000, default=100, help_text="The lowest number decides first.")
    enabled = Flag(default=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return attrs | {"conditions": checked_conditions(attrs["rule_type"], attrs["conditions"])}


def checked_conditions(rule_type: str, given: Any) -> dict[str, Any]:
    """Raises ValidationError, of the field `conditions`."""
    try:
        return conditions.checked(rule_type, given)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"conditions": error.detail}) from None


class RuleSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    tenant_id = serializers.CharField(source="tenant.slug")
    name = serializers.CharField()
    rule_type = serializers.ChoiceField(choices=Rule.Type.choices)
    conditions = serializers.DictField()
    action = serializers.ChoiceField(choices=Action.choices)
    priority = serializers.IntegerField()
    enabled = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


@extend_schema_serializer(many=False)
class RulePage(serializers.Serializer[Any]):
    items = RuleSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


# --- Runs ---------------------------------------------------------------------------------------------------------


class RunRequest(StrictSerializer):
    tenant_id = TenantId()
    actions = serializers.ListField(
        child=Choice(choices=Action.choices), min_length=1, required=False, help_text="Default: all."
    )
    dry_run = Flag(required=False, allow_null=True, help_text="Default: as the policy's mode says.")


class RunOutcome(serializers.Serializer[Any]):
    """Counts of what was done; of a dry run, and of what is not done yet, of what is planned."""

    run_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Run.Status.choices)
    dry_run = serializers.BooleanField()
    archived = serializers.IntegerField()
    deleted = serializers.IntegerField()
    moved_to_cold_storage = serializers.IntegerField()


class PlannedSerializer(serializers.Serializer[Any]):
    action = serializers.ChoiceField(choices=Action.choices)
    reason = serializers.CharField()
    count = serializers.IntegerField()
    bytes = serializers.IntegerField(help_text="Of text and metadata.")
    oldest = serializers.DateTimeField()
    newest = serializers.DateTimeField()


class SampleSerializer(serializers.Serializer[Any]):
    message_id = serializers.UUIDField()
    action = serializers.ChoiceField(choices=Action.choices)
    reason = serializers.CharField()


class RunSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    tenant_id = serializers.CharField(source="tenant.slug")
    dry_run = serializers.BooleanField()
    actions = serializers.ListField(child=serializers.ChoiceField(choices=Action.choices))
    trigger = serializers.ChoiceField(choices=Run.Trigger.choices)
    status = serializers.ChoiceField(choices=Run.Status.choices)
    progress = serializers.FloatField()
    planned_for = serializers.DateTimeField()
    planned = PlannedSerializer(many=True)
    sample = SampleSerializer(many=True)
    archived = serializers.IntegerField()
    deleted = serializers.IntegerField()
    moved_to_cold_storage = serializers.IntegerField(source="moved")
    skipped = serializers.IntegerField()
    error = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class RunQuery(PageQuery):
    status = Choice(choices=Run.Status.choices, required=False)
    dry_run = Flag(required=False)


@extend_schema_serializer(many=False)
class RunPage(serializers.Serializer[Any]):
    items = RunSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


# --- Holds --------------------------------------------------------------------------------------------------------


class HoldBody(StrictSerializer):
    """On one message, conversation or end user; a legal hold on none of them is on the whole tenant."""

    tenant_id = TenantId()
    kind = Choice(choices=Hold.Kind.choices, default=Hold.Kind.LEGAL)
    message_id = serializers.UUIDField(required=False)
    conversation_id = ConversationId(required=False)
    user_id = UserId(required=False)
    reason = Text(max_length=500, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        targets = attrs.keys() & {"message_id", "conversation_id", "user_id"}
        if len(targets) > 1:
            raise serializers.ValidationError("A hold is on one thing; give one id.", code="several_targets")
        if attrs["kind"] == Hold.Kind.PIN and "message_id" not in attrs:
            raise serializers.ValidationError({"message_id": "A pin is on a message; name it."}, code="required")
        return attrs


class HoldSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    tenant_id = serializers.CharField(source="tenant.slug")
    kind = serializers.ChoiceField(choices=Hold.Kind.choices)
    message_id = serializers.UUIDField(allow_null=True)
    conversation_id = serializers.SerializerMethodField()
    user_id = serializers.SerializerMethodField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()

    def get_conversation_id(self, hold: Hold) -> str | None:
        return hold.conversation.external_id if hold.conversation else None

    def get_user_id(self, hold: Hold) -> str | None:
        return hold.end_user.public_id if hold.end_user else None


@extend_schema_serializer(many=False)
class HoldPage(serializers.Serializer[Any]):
    items = HoldSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


# --- Erasure ------------------------------------------------------------------------------------------------------


class ErasureBody(StrictSerializer):
    """Of one end user, one conversation, or the whole tenant."""

    tenant_id = TenantId()
    user_id = UserId(required=False)
    conversation_id = ConversationId(required=False)
    whole_tenant = Flag(default=False)
    dry_run = Flag(default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum(bool(attrs.get(name)) for name in ("user_id", "conversation_id", "whole_tenant")) != 1:
            message = "Give one of user_id, conversation_id and whole_tenant: true."
            raise serializers.ValidationError(message, code="one_subject")
        return attrs


class ProofSerializer(serializers.Serializer[Any]):
    searched = serializers.DictField(child=serializers.IntegerField())
    sought = serializers.DictField(child=serializers.IntegerField())
    found = serializers.ListField(child=serializers.DictField(), help_text="Empty: nothing was left.")
    vacuumed = serializers.ListField(child=serializers.CharField())
    not_vacuumed = serializers.DictField(child=serializers.CharField())


class ReceiptSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    tenant_id = serializers.UUIDField(allow_null=True, help_text="Ours: the slug may be somebody's name.")
    subject_kind = serializers.ChoiceField(choices=["user", "conversation", "tenant"])
    subject_digest = serializers.CharField(help_text='SHA-256 of "kind:tenant slug:name".')
    counts = serializers.DictField(child=serializers.IntegerField())
    proof = ProofSerializer()
    created_at = serializers.DateTimeField()
    signature = serializers.CharField()
    complete = serializers.BooleanField()


class ErasureAnswer(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField()
    counts = serializers.DictField(child=serializers.IntegerField())
    receipt = ReceiptSerializer(allow_null=True)


@extend_schema_serializer(many=False)
class ReceiptPage(serializers.Serializer[Any]):
    items = ReceiptSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
