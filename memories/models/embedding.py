"""Embeddings: what is still to be embedded, and the vectors of what has been.

A message has one `MessageEmbedding` for each model, the state of the work, and one `EmbeddingWindow` for each window of
its text that the model read at once. Neither touches the message's own row (docs/adr/0001).
"""

from typing import Self

from django.db import models
from django.db.models.functions import Now
from pgvector.django import HalfVectorField

from memories.models.message import Message
from tenants import origin
from tenants.models import Tenant

MODEL_KEY_MAX = 200


class EmbeddingStatus(models.TextChoices):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


UNFINISHED = (EmbeddingStatus.PENDING, EmbeddingStatus.PROCESSING)
NOT_EMBEDDED = (*UNFINISHED, EmbeddingStatus.FAILED)


class MessageEmbeddingQuerySet(models.QuerySet["MessageEmbedding"]):
    def unfinished(self) -> Self:
        return self.filter(status__in=UNFINISHED)

    def due(self, *, model: str) -> Self:
        """Work to take up: waiting, or claimed by a worker whose time ran out. One clock for all: the database's."""
        return self.unfinished().filter(model=model, due_at__lte=Now())

    def retry(self) -> int:
        """Queue these again from the start; return how many."""
        return self.update(
            status=EmbeddingStatus.PENDING, attempts=0, queued_at=Now(), due_at=Now(), claim=None, error=""
        )


class MessageEmbedding(models.Model):
    """The state of one message under one model. While `claim` stands, only its holder may finish the row."""

    # The tenant's own constraint would check for each row what the one over (tenant, message) implies.
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="embeddings"
    )
    model = models.CharField(max_length=MODEL_KEY_MAX)
    status = models.CharField(max_length=16, choices=EmbeddingStatus, default=EmbeddingStatus.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    queued_at = models.DateTimeField(db_default=Now(), help_text="Since when the text waits for this vector.")
    due_at = models.DateTimeField(db_default=Now())
    claim = models.UUIDField(null=True)
    error = models.TextField(blank=True)
    completed_at = models.DateTimeField(null=True)
    origin = models.JSONField(
        null=True, default=origin.current, help_text="The request that waits for it, until it is done."
    )

    objects = MessageEmbeddingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "model"], name="embedding_is_unique"),
            models.CheckConstraint(
                condition=models.Q(status__in=EmbeddingStatus.values), name="embedding_status_is_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(status=EmbeddingStatus.PROCESSING) | ~models.Q(claim=None),
                name="embedding_in_process_is_claimed",
            ),
        ]
        indexes = [
            models.Index(
                fields=["model", "due_at"], condition=models.Q(status__in=UNFINISHED), name="embedding_unfinished"
            ),
            models.Index(
                fields=["model", "message"], condition=models.Q(status=EmbeddingStatus.FAILED), name="embedding_failed"
            ),
            models.Index(
                fields=["tenant", "model", "status", "queued_at"],
                condition=models.Q(status__in=NOT_EMBEDDED),
                name="embedding_open_of_tenant",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.status}"


class EmbeddingWindow(models.Model):
    """The vector of one window of a message's text; `position` counts the windows from 0.

    `tokens` holds the signs of the vectors of its tokens, one bit a dimension, for late interaction; null where the
    provider does not show them.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+")
    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="windows"
    )
    model = models.CharField(max_length=MODEL_KEY_MAX)
    position = models.PositiveSmallIntegerField()
    vector = HalfVectorField()
    tokens = models.BinaryField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "model", "position"], name="embedding_window_is_unique")
        ]
        indexes = [models.Index(fields=["tenant", "model"], name="embedding_window_of_tenant")]

    def __str__(self) -> str:
        return f"{self.model} #{self.position}"
