"""Conversations: ordered runs of messages."""

from typing import Self

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Coalesce, Now

from tenants.ids import as_uuid, new_id
from tenants.models import EndUser, Tenant

CONVERSATION_ID_PATTERN = r"^[A-Za-z0-9_.-]{1,128}$"


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)

    def known_as(self, tenant: Tenant, name: str) -> "Conversation | None":
        """The conversation of `tenant` that a client calls `name`, or else the one with this UUID of ours."""
        mine, ours = self.for_tenant(tenant), as_uuid(name)
        by_name = mine.filter(external_id=name).first()
        return mine.filter(pk=ours).first() if ours and not by_name else by_name

    def with_activity(self) -> Self:
        """Add `message_count` and `last_message_at`, read from the messages: nothing is counted twice or drifts."""
        from memories.models.message import Message  # it refers to Conversation

        own = Message.objects.filter(conversation=models.OuterRef("pk"))
        count = own.order_by().values("conversation").annotate(n=models.Count("pk")).values("n")
        return self.annotate(
            message_count=Coalesce(models.Subquery(count), 0),
            last_message_at=models.Subquery(own.order_by("-created_at").values("created_at")[:1]),
        )


class Conversation(models.Model):
    """`external_id` is the client's `conversation_id`, unique in its tenant; `end_user` is who it began with."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="conversations")
    end_user = models.ForeignKey(
        EndUser,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        db_constraint=False,  # the database has one over (tenant, end user)
        related_name="conversations",
    )
    external_id = models.CharField(
        "conversation id", max_length=128, validators=[RegexValidator(CONVERSATION_ID_PATTERN)]
    )
    title = models.CharField(max_length=255, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "external_id"], name="conversation_external_id_is_unique"),
            models.UniqueConstraint(fields=["tenant", "id"], name="conversation_of_tenant"),
            models.CheckConstraint(
                condition=models.Q(external_id__regex=CONVERSATION_ID_PATTERN), name="conversation_id_is_sane"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-created_at", "-id"], name="conversation_by_time")]

    def __str__(self) -> str:
        return self.title or self.external_id
