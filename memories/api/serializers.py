"""The shapes of requests and responses (SPEC §3)."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from memories.api import explanation, fields
from memories.importance import Formula, importance
from memories.models import EmbeddingStatus, Message
from memories.search import Hit
from tenants.api.fields import Choice, Flag, Metadata, Moment, Share, TenantId, Text, UserId, Whole
from tenants.api.serializers import PageQuery, StrictSerializer, TenantQuery, UpdateSerializer

CLOCK_SKEW = timedelta(seconds=5)
BATCH_MAX = 1000
SEARCH_MODES = ["hybrid", "semantic", "lexical"]


class MessageFilters(TenantQuery):
    conversation_id = fields.ConversationId(required=False)
    user_id = UserId(required=False)
    role = fields.RoleField(required=False)
    since = Moment(required=False)
    until = Moment(required=False)
    metadata = fields.MetadataFilter(required=False, help_text="Also as `metadata.KEY`.")


def not_in_the_future(value: Any) -> None:
    if value > timezone.now() + CLOCK_SKEW:
        raise serializers.ValidationError("The time lies in the future.", code="in_the_future")


# --- Messages -----------------------------------------------------------------------------------------------------


class NewMessageSerializer(StrictSerializer):
    tenant_id = TenantId()
    conversation_id = fields.ConversationId()
    role = fields.RoleField()
    content = fields.Content()
    metadata = Metadata(required=False)
    importance_override = Share(required=False, allow_null=True)
    user_id = UserId(required=False, allow_null=True)
    created_at = Moment(required=False, validators=[not_in_the_future])
    external_id = UserId(required=False, allow_null=True, help_text="A repeat returns the stored message.")


class MessageUpdateSerializer(UpdateSerializer):
    content = fields.Content(required=False)
    metadata = Metadata(required=False)
    importance_override = Share(required=False, allow_null=True)
    archived = Flag(required=False)


class MessageSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    tenant_id = serializers.CharField(source="tenant.slug")
    conversation_id = serializers.CharField(source="conversation.external_id")
    user_id = serializers.SerializerMethodField()
    role = fields.RoleField()
    content = serializers.CharField()
    metadata = serializers.DictField()
    importance_score = serializers.SerializerMethodField()
    importance_override = serializers.FloatField(allow_null=True)
    embedding_status = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    archived_at = serializers.DateTimeField(allow_null=True)

    def get_user_id(self, message: Message) -> str | None:
        return message.end_user.public_id if message.end_user else None

    def get_importance_score(self, message: Message) -> float:
        now, formula = timezone.now(), Formula.from_settings()
        score = importance(message.role, message.importance_override, message.created_at, now=now, formula=formula)
        return round(score, 6)

    @extend_schema_field(serializers.ChoiceField(choices=EmbeddingStatus.choices))
    def get_embedding_status(self, message: Message) -> str:
        return getattr(message, "embedding_status", None) or EmbeddingStatus.PENDING


@extend_schema_serializer(exclude_fields=["metadata"])  # it comes as metadata.KEY
class MessageQuery(MessageFilters, PageQuery):
    archived = Flag(default=False)
    embedding_status = Choice(choices=EmbeddingStatus.choices, required=False)


@extend_schema_serializer(many=False)
class MessagePage(serializers.Serializer[Any]):
    items = MessageSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ItemError(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(allow_null=True)


class BatchSerializer(StrictSerializer):
    """Items are validated one by one, so that one bad item does not refuse the others."""

    tenant_id = TenantId()
    messages = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=BATCH_MAX)


class BatchUpdateSerializer(StrictSerializer):
    tenant_id = TenantId()
    updates = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=BATCH_MAX)


class BatchUpdateItem(StrictSerializer):
    message_id = serializers.UUIDField()
    update = MessageUpdateSerializer()  # type: ignore[assignment]


class BatchDeleteSerializer(StrictSerializer):
    tenant_id = TenantId()
    message_ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=BATCH_MAX)


class BatchCreated(serializers.Serializer[Any]):
    created = MessageSerializer(many=True)
    errors = ItemError(many=True)  # type: ignore[assignment]


class BatchUpdated(serializers.Serializer[Any]):
    updated = MessageSerializer(many=True)
    errors = ItemError(many=True)  # type: ignore[assignment]


class BatchDeleted(serializers.Serializer[Any]):
    deleted = serializers.ListField(child=serializers.UUIDField())
    errors = ItemError(many=True)  # type: ignore[assignment]


# --- Conversations ------------------------------------------------------------------------------------------------


class ConversationUpdateSerializer(UpdateSerializer):
    title = Text(required=False, allow_blank=True, max_length=255)
    metadata = Metadata(required=False)


class NewConversationSerializer(ConversationUpdateSerializer):
    tenant_id = TenantId()
    conversation_id = fields.ConversationId()


class ConversationSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    tenant_id = serializers.CharField(source="tenant.slug")
    conversation_id = serializers.CharField(source="external_id")
    title = serializers.CharField()
    metadata = serializers.DictField()
    message_count = serializers.IntegerField()
    last_message_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


@extend_schema_serializer(many=False)
class ConversationPage(serializers.Serializer[Any]):
    items = ConversationSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class RoleCounts(serializers.Serializer[Any]):
    user = serializers.IntegerField()
    assistant = serializers.IntegerField()
    system = serializers.IntegerField()
    tool = serializers.IntegerField()


class ConversationStats(serializers.Serializer[Any]):
    conversation_id = serializers.CharField()
    title = serializers.CharField()
    metadata = serializers.DictField()
    message_count = serializers.IntegerField()
    first_message_at = serializers.DateTimeField(allow_null=True)
    last_message_at = serializers.DateTimeField(allow_null=True)
    counts_by_role = RoleCounts()
    average_importance = serializers.FloatField(allow_null=True)


# --- Search -------------------------------------------------------------------------------------------------------


class SearchQuery(MessageFilters):
    query = Text(max_length=8000)
    top_k = Whole(required=False, min_value=1, max_value=100, help_text="Default 5.")
    limit = Whole(required=False, min_value=1, max_value=100, help_text="Another name of top_k.")
    importance_min = Share(required=False, help_text="On the importance of the moment.")
    mode = Choice(choices=SEARCH_MODES, default="hybrid")
    candidate_limit = Whole(default=200, min_value=1, max_value=1000)
    include_archived = Flag(default=False)
    neighbours = Whole(default=0, min_value=0, max_value=3)
    explain = Flag(default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        limit = attrs.pop("limit", None)
        if limit is not None and attrs.setdefault("top_k", limit) != limit:
            raise serializers.ValidationError({"limit": "limit and top_k are one thing; give one of them."})
        return attrs


@extend_schema_serializer(exclude_fields=["metadata"])
class SearchParameters(SearchQuery):
    """The same in a query string, where metadata comes as `metadata.KEY`."""


class TurnSerializer(serializers.Serializer[Message]):
    message_id = serializers.UUIDField(source="id")
    role = fields.RoleField()
    content = serializers.CharField()
    created_at = serializers.DateTimeField()


class HitSerializer(serializers.Serializer[Any]):
    message_id = serializers.UUIDField(source="message.id")
    score = serializers.FloatField(source="ranked.score")
    similarity = serializers.SerializerMethodField()
    importance = serializers.FloatField(source="ranked.candidate.importance")
    decay = serializers.FloatField(source="ranked.candidate.recency")
    content = serializers.CharField(source="message.content")
    role = fields.RoleField(source="message.role")
    conversation_id = serializers.CharField(source="message.conversation.external_id")
    metadata = serializers.DictField(source="message.metadata")
    created_at = serializers.DateTimeField(source="message.created_at")
    before = TurnSerializer(many=True, required=False)
    after = TurnSerializer(many=True, required=False)
    explain = explanation.Explanation(required=False)  # added where it is asked for

    def get_fields(self) -> dict[str, Any]:
        """Without the turns around it, unless the context asks for them."""
        absent = () if self.context.get("neighbours", True) else ("before", "after")
        return {name: field for name, field in super().get_fields().items() if name not in absent}

    def get_similarity(self, hit: Hit) -> float:
        return max(hit.ranked.candidate.similarity or 0.0, 0.0)


class SearchResponse(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    items = HitSerializer(many=True)
    degraded = serializers.BooleanField()
    explain = explanation.QueryExplanation(required=False)
