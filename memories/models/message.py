"""Messages: the turns of conversations."""

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.expressions import Combinable
from django.utils import timezone

from memories.models.conversation import Conversation
from tenants.ids import new_id
from tenants.models import EXTERNAL_ID_MAX, EndUser, Tenant

if TYPE_CHECKING:  # it refers to Message
    from memories.models.hold import HoldQuerySet

CONTENT_MAX = 100_000


class Role(models.TextChoices):
    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


class MessageQuerySet(models.QuerySet["Message"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)

    def live(self) -> Self:
        return self.filter(archived_at=None)

    def archived(self) -> Self:
        return self.exclude(archived_at=None)

    def free_of(self, holds: "HoldQuerySet") -> Self:
        """Messages that none of these holds reaches."""
        return self.exclude(holds.reach())

    def of_user(self, tenant: Tenant, user_id: str) -> Self:
        """Messages of the end user with this id, ours or the client's; none when there is no such user."""
        return self.filter(end_user__in=EndUser.objects.known_as(tenant, [user_id]))

    def with_metadata(self, wanted: Mapping[str, Any]) -> Self:
        """Those whose metadata holds every key with that value; a query string's `5` also means the number."""
        queryset = self
        for key, value in wanted.items():
            readings = (models.Q(metadata__contains={key: reading}) for reading in _readings(value))
            queryset = queryset.filter(models.Q(*readings, _connector=models.Q.OR))
        return queryset

    def matching(
        self,
        tenant: Tenant,
        *,
        conversation_id: str | None = None,
        user_id: str | None = None,
        role: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """The tenant's messages that meet every filter given, ids as clients know them, times inclusive."""
        exact = {
            "conversation__external_id": conversation_id,
            "role": role,
            "created_at__gte": since,
            "created_at__lte": until,
        }
        mine = self.for_tenant(tenant).with_metadata(metadata or {})
        if user_id is not None:
            mine = mine.of_user(tenant, user_id)
        return mine.filter(**{name: value for name, value in exact.items() if value is not None})

    def with_embedding_status(self, status: str, *, model: str | Combinable) -> Self:
        return self.filter(embeddings__model=model, embeddings__status=status)

    def for_display(self, *, model: str | Combinable) -> Self:
        """With all that a response shows of other rows, in one query; `embedding_status` is that of `model`."""
        from memories.models.embedding import MessageEmbedding  # it refers to Message

        status = MessageEmbedding.objects.filter(message=models.OuterRef("pk"), model=model).values("status")[:1]
        return self.select_related("conversation", "end_user", "tenant").annotate(
            embedding_status=models.Subquery(status)
        )


def _readings(value: Any) -> list[Any]:
    """What a metadata value of a filter may mean: itself and, where it is text, the number or boolean it spells."""
    if not isinstance(value, str):
        return [value]
    try:
        scalar = json.loads(value, parse_constant=str)
    except (ValueError, RecursionError):
        return [value]
    is_number = isinstance(scalar, int) or (isinstance(scalar, float) and math.isfinite(scalar))
    return [value, scalar] if is_number else [value]


class Message(models.Model):
    """One turn. Its vectors and their state live in rows of their own (docs/adr/0001)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="messages")
    # Without constraints of their own: the database has them over (tenant, id), see tenants.migration_operations.
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, db_constraint=False, related_name="messages"
    )
    end_user = models.ForeignKey(
        EndUser, on_delete=models.CASCADE, null=True, blank=True, db_constraint=False, related_name="messages"
    )
    external_id = models.CharField(max_length=EXTERNAL_ID_MAX, null=True, blank=True)  # noqa: DJ001 - absent is not ""
    role = models.CharField(max_length=16, choices=Role)
    content = models.TextField()
    metadata = models.JSONField(default=dict, blank=True)
    importance_override = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)]
    )
    stored_importance = models.FloatField(null=True, editable=False, help_text="As of the last scoring, for sorting.")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "external_id"],
                condition=~models.Q(external_id=None),
                name="message_external_id_is_unique",
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="message_of_tenant"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="message_role_is_known"),
            models.CheckConstraint(
                condition=models.Q(importance_override=None) | models.Q(importance_override__range=(0.0, 1.0)),
                name="message_override_is_a_share",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="message_by_time"),
            models.Index(fields=["conversation", "created_at", "id"], name="message_in_conversation"),
            models.Index(
                fields=["end_user", "-created_at"], condition=~models.Q(end_user=None), name="message_of_end_user"
            ),
            models.Index(fields=["tenant", "stored_importance"], name="message_by_importance"),
            GinIndex(fields=["metadata"], opclasses=["jsonb_path_ops"], name="message_metadata"),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.content[:60]}"
