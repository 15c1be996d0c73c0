"""The shapes of analytics (SPEC §3.5)."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from memories.models import EmbeddingStatus
from tenants.api.fields import Choice, Day, Moment, TenantId, Whole
from tenants.api.serializers import PageQuery, StrictSerializer, TenantQuery

DAYS_MAX = 366
UNTIL = "The last day (UTC); default: today."
FIGURES = {
    "messages": 1240,
    "messages_by_role": {"user": 610, "assistant": 610, "system": 0, "tool": 20},
    "characters": 301200,
    "facts": 85,
    "searches": 402,
    "recalls": 96,
    "llm_calls": 130,
    "input_tokens": 91000,
    "output_tokens": 5200,
    "cost": 0.0312,
}


def example(name: str, value: dict[str, Any]) -> Any:
    """Marks a shape as one object, with an example of it."""
    return extend_schema_serializer(many=False, examples=[OpenApiExample(name, value=value, response_only=True)])


class FiguresSerializer(serializers.Serializer[Any]):
    """What was stored and asked, deleted or not, and what language models took."""

    messages = serializers.IntegerField()
    messages_by_role = serializers.DictField(child=serializers.IntegerField())
    characters = serializers.IntegerField(help_text="Of the messages.")
    facts = serializers.IntegerField(help_text="Written down, those that hold no more included.")
    searches = serializers.IntegerField(help_text="Contexts included.")
    recalls = serializers.IntegerField()
    llm_calls = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost = serializers.FloatField(allow_null=True, help_text="US dollars; null: not known.")


class SizeSerializer(serializers.Serializer[Any]):
    messages = serializers.IntegerField(help_text="Archived ones included.")
    archived = serializers.IntegerField()
    conversations = serializers.IntegerField()
    end_users = serializers.IntegerField()
    facts = serializers.IntegerField(help_text="That hold.")
    bytes = serializers.IntegerField(help_text="Of the messages' text.")
    measured_at = serializers.DateTimeField()


SIZE = {
    "messages": 1100,
    "archived": 90,
    "conversations": 48,
    "end_users": 31,
    "facts": 77,
    "bytes": 288110,
    "measured_at": "2026-05-04T09:45:00Z",
}


@example(
    "A tenant",
    {"tenant_id": "acme", "size": SIZE, "total": FIGURES, "today": FIGURES, "counted_to": "2026-05-04T09:58:00Z"},
)
class Usage(serializers.Serializer[Any]):
    tenant_id = serializers.CharField()
    size = SizeSerializer(allow_null=True, help_text="What is stored; null until it is measured for the first time.")
    total = FiguresSerializer(help_text="All that was ever stored and asked.")
    today = FiguresSerializer(help_text="The same since midnight UTC.")
    counted_to = serializers.DateTimeField(allow_null=True, help_text="What was stored before is counted.")


class TrendQuery(TenantQuery):
    since = Day(required=False, help_text="The first day (UTC); default: by `days`.")
    until = Day(required=False, help_text=UNTIL)
    days = Whole(required=False, min_value=1, max_value=DAYS_MAX, help_text="How many, up to `until`; default: 30.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "since" in attrs and "days" in attrs:
            raise serializers.ValidationError({"days": "Give `since` or `days`, not both."}, code="conflict")
        return attrs


class DaySerializer(FiguresSerializer):
    day = serializers.DateField()


@example(
    "Two days",
    {
        "tenant_id": "acme",
        "since": "2026-05-03",
        "until": "2026-05-04",
        "days": [{"day": day, **FIGURES} for day in ("2026-05-03", "2026-05-04")],
    },
)
class Trends(serializers.Serializer[Any]):
    tenant_id = serializers.CharField()
    since = serializers.DateField()
    until = serializers.DateField()
    days = DaySerializer(many=True, help_text="Each day of the range, the oldest first; zeros where nothing was.")


class BusiestQuery(StrictSerializer):
    tenant_id = TenantId()
    since = Moment(required=False, help_text="Of messages; default: 30 days before `until`.")
    until = Moment(required=False, help_text="Default: now.")
    limit = Whole(default=10, min_value=1, max_value=100)


class BusyConversation(serializers.Serializer[Any]):
    conversation_id = serializers.CharField(source="conversation.external_id")
    title = serializers.CharField(source="conversation.title")
    messages = serializers.IntegerField(help_text="In the window.")
    last_message_at = serializers.DateTimeField()


@example(
    "One conversation",
    {
        "tenant_id": "acme",
        "since": "2026-04-04T10:00:00Z",
        "until": "2026-05-04T10:00:00Z",
        "items": [
            {
                "conversation_id": "support-17",
                "title": "A broken lamp",
                "messages": 212,
                "last_message_at": "2026-05-04T09:12:00Z",
            }
        ],
        "counted": 1240,
        "is_complete": True,
    },
)
class TopConversations(serializers.Serializer[Any]):
    tenant_id = serializers.CharField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    items = BusyConversation(many=True, help_text="Most messages first.")
    counted = serializers.IntegerField(help_text="Messages that were counted.")
    is_complete = serializers.BooleanField(help_text="False: only the newest 100,000 of the window were counted.")


class EmbeddingCount(serializers.Serializer[Any]):
    model = serializers.CharField()
    status = Choice(choices=EmbeddingStatus.choices)
    count = serializers.IntegerField()
    oldest_at = serializers.DateTimeField(allow_null=True, help_text="Since when the first of them waits.")


class LagSerializer(serializers.Serializer[Any]):
    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)


class EmbeddingFailure(serializers.Serializer[Any]):
    message_id = serializers.UUIDField()
    attempts = serializers.IntegerField()
    error = serializers.CharField()
    queued_at = serializers.DateTimeField()


@example(
    "Nearly done",
    {
        "tenant_id": "acme",
        "model": "sentence_transformer:all-MiniLM-L6-v2:384",
        "counts": [
            {
                "model": "sentence_transformer:all-MiniLM-L6-v2:384",
                "status": "completed",
                "count": 1099,
                "oldest_at": None,
            }
        ],
        "backlog": 1,
        "oldest_at": "2026-05-04T09:59:58Z",
        "lag_seconds": {"p50": 0.4, "p95": 1.9},
        "failures": [],
        "measured_at": "2026-05-04T09:45:00Z",
    },
)
class Embeddings(serializers.Serializer[Any]):
    tenant_id = serializers.CharField()
    model = serializers.CharField(help_text="The one in use.")
    counts = EmbeddingCount(many=True, help_text="As of now; those `completed` as of `measured_at`.")
    backlog = serializers.IntegerField(help_text="Messages that wait for a vector of the model in use.")
    oldest_at = serializers.DateTimeField(allow_null=True, help_text="Since when the first of these waits.")
    lag_seconds = LagSerializer(help_text="From a write to searchable by meaning, of the newest 200 messages.")
    failures = EmbeddingFailure(many=True, help_text="The latest ten.")
    measured_at = serializers.DateTimeField(allow_null=True)


class TenantFigures(serializers.Serializer[Any]):
    tenant_id = serializers.CharField(source="tenant.slug")
    name = serializers.CharField(source="tenant.name")
    created_at = serializers.DateTimeField(source="tenant.created_at")
    size = SizeSerializer(allow_null=True)
    messages_today = serializers.IntegerField(source="activity.today")
    messages_30_days = serializers.IntegerField(source="activity.lately")
    asked_30_days = serializers.IntegerField(source="activity.asked", help_text="Searches and recalls.")


TENANT = {"tenant_id": "acme", "name": "Acme", "created_at": "2026-01-01T00:00:00Z", "size": SIZE}
RECENT = {"messages_today": 40, "messages_30_days": 1240, "asked_30_days": 498}


@example("One page", {"items": [TENANT | RECENT], "next_cursor": None})
class TenantsPage(serializers.Serializer[Any]):
    items = TenantFigures(many=True, help_text="The oldest tenant first.")
    next_cursor = serializers.CharField(allow_null=True)


class TenantsQuery(PageQuery):
    tenant_id = None  # type: ignore[assignment]  # it is about all of them
