"""Holds: what retention may not touch, and what nobody may delete."""

from collections.abc import Sequence
from typing import Any, Self

from django.db import models
from django.db.models.functions import Now

from memories.models.conversation import Conversation
from memories.models.message import Message
from tenants.ids import new_id
from tenants.models import EndUser, Tenant


class HoldQuerySet(models.QuerySet["Hold"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)

    def legal(self) -> Self:
        return self.filter(kind=Hold.Kind.LEGAL)

    def reaching(self, message: Message) -> Self:
        """Those that keep `message`."""
        everything = models.Q(conversation=None, end_user=None, message=None)
        person = models.Q(end_user__isnull=False, end_user=message.end_user_id)
        target = person | models.Q(conversation=message.conversation_id) | models.Q(message=message)
        return self.filter(everything | target, tenant=message.tenant_id)

    def reach(self) -> models.Q:
        """The condition on messages that these holds make: whose they are, or of what."""
        everything = self.filter(conversation=None, end_user=None, message=None)
        return (
            models.Exists(everything.filter(tenant=models.OuterRef("tenant")))
            | models.Q(conversation__in=self._targets("conversation"))
            | models.Q(end_user__in=self._targets("end_user"))
            | models.Q(pk__in=self._targets("message"))
        )

    def _targets(self, name: str) -> models.QuerySet["Hold", Any]:
        targets: models.QuerySet[Hold, Any] = self.exclude(**{name: None}).values(name)
        return targets


class Hold(models.Model):
    """On a message, a conversation, an end user or, with none of them, the whole tenant.

    A legal hold keeps retention, erasure and clients from deleting or archiving; a pin keeps retention from a message.
    """

    class Kind(models.TextChoices):
        LEGAL = "legal_hold", "Legal hold"
        PIN = "pin", "Pin"

    TARGETS: Sequence[str] = ("conversation", "end_user", "message")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="holds")
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.LEGAL)
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, null=True, blank=True, db_constraint=False, related_name="holds"
    )
    end_user = models.ForeignKey(
        EndUser, on_delete=models.CASCADE, null=True, blank=True, db_constraint=False, related_name="holds"
    )
    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, null=True, blank=True, db_constraint=False, related_name="holds"
    )
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = HoldQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=["legal_hold", "pin"]), name="hold_kind_is_known"),
            models.CheckConstraint(
                condition=models.Q(conversation=None, end_user=None)
                | models.Q(conversation=None, message=None)
                | models.Q(end_user=None, message=None),
                name="hold_has_one_target",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="pin") | models.Q(message__isnull=False), name="pin_is_of_a_message"
            ),
            models.UniqueConstraint(
                fields=["tenant", "kind", "conversation", "end_user", "message"],
                nulls_distinct=False,
                name="hold_is_unique",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-created_at", "-id"], name="hold_by_time")]

    def __str__(self) -> str:
        target = next((f"{name} {pk}" for name in self.TARGETS if (pk := getattr(self, f"{name}_id"))), "the tenant")
        return f"{self.get_kind_display()} on {target}"
