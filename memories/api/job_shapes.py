"""Jobs as requests ask for them and as responses show them."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from memories.models import Job, JobKind, JobStatus
from tenants.api.fields import Choice, UserId
from tenants.api.serializers import PageQuery

EXAMPLE = {
    "id": "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071",
    "kind": "reindex",
    "status": "running",
    "progress": 0.25,
    "done": 12_500,
    "total": 50_000,
    "attempts": 1,
    "error": None,
    "created_at": "2026-01-31T12:00:00Z",
    "finished_at": None,
    "result": {"indexed": 12_500},
}


class JobQuery(PageQuery):
    status = Choice(choices=JobStatus.choices, required=False)
    kind = Choice(choices=JobKind.choices, required=False)
    user_id = UserId(required=False)


@extend_schema_serializer(examples=[OpenApiExample("A quarter is done", value=EXAMPLE, response_only=True)])
class JobSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = Choice(choices=JobKind.choices)
    status = Choice(choices=JobStatus.choices)
    progress = serializers.FloatField(help_text="0 to 1.")
    done = serializers.IntegerField(help_text="How many of `total` are done.")
    total = serializers.IntegerField(allow_null=True, help_text="Null: not known yet, or a job of one step.")
    attempts = serializers.IntegerField(help_text="Since it last got on.")
    error = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    result = serializers.DictField(help_text="What came of it so far, in numbers.")

    def get_error(self, job: Job) -> str | None:
        """Why it failed, or why it still waits."""
        return job.error or None


@extend_schema_serializer(many=False)
class JobPage(serializers.Serializer[Any]):
    items = JobSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
