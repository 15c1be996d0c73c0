"""Facts about end users: what holds, what once held, and which messages said so (SPEC §6)."""

from typing import Self

from django.db import models
from django.db.models.functions import Now
from pgvector.django import VectorField

from memories.models.embedding import MODEL_KEY_MAX
from memories.vocabulary import HIDDEN, SINGLE_VALUED, Category, Slot, Standing, TemporalState
from tenants.ids import new_id
from tenants.models import EndUser, Tenant

READER_MAX = 200


class FactQuerySet(models.QuerySet["Fact"]):
    def about(self, end_user: EndUser) -> Self:
        return self.filter(tenant=end_user.tenant_id, end_user=end_user)

    def current(self) -> Self:
        """Neither expired nor superseded, ended, doubted or hidden."""
        unexpired = models.Q(valid_until=None) | models.Q(valid_until__gt=Now())
        return self.filter(unexpired, standing=Standing.HOLDS)

    def told(self) -> Self:
        """All that belongs on a timeline, history included."""
        return self.exclude(standing__in=HIDDEN)

    def without_vector(self, *, model: str) -> Self:
        return self.exclude(vectors__model=model)


class Fact(models.Model):
    """One statement about an end user. It is never overwritten: what takes its place is another row.

    `said_at` is when it was said first, `last_refreshed_at` when last; `confidence` is what it was then, and fades.
    `read_by` names the extractor and the version of its prompt, such as "openai:gpt-5-mini:3".
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="facts")
    end_user = models.ForeignKey(EndUser, on_delete=models.CASCADE, db_constraint=False, related_name="facts")
    category = models.CharField(max_length=32, choices=Category)
    slot = models.CharField(max_length=32, choices=Slot, null=True, blank=True)  # noqa: DJ001 - absent is not ""
    content = models.TextField()
    confidence = models.FloatField()
    temporal_state = models.CharField(max_length=16, choices=TemporalState)
    standing = models.CharField(max_length=16, choices=Standing, default=Standing.HOLDS)
    is_essential = models.BooleanField(default=False)
    said_at = models.DateTimeField()
    last_refreshed_at = models.DateTimeField()
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    replaced_by = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, db_constraint=False, related_name="replaces"
    )
    read_by = models.CharField(max_length=READER_MAX, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = FactQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="fact_of_tenant"),
            models.UniqueConstraint(
                fields=["end_user", "slot"],
                condition=models.Q(
                    slot__in=sorted(SINGLE_VALUED), standing=Standing.HOLDS, temporal_state=TemporalState.CURRENT
                ),
                name="one_current_fact_of_a_single_slot",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    category__in=Category.values,
                    temporal_state__in=TemporalState.values,
                    standing__in=Standing.values,
                )
                & (models.Q(slot=None) | models.Q(slot__in=Slot.values)),
                name="fact_speaks_our_words",
            ),
            models.CheckConstraint(condition=models.Q(confidence__range=(0.0, 1.0)), name="fact_confidence_is_a_share"),
            models.CheckConstraint(
                condition=models.Q(valid_until=None) | models.Q(valid_until__gte=models.F("valid_from")),
                name="fact_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=models.Q(replaced_by=None)
                | models.Q(standing__in=[Standing.SUPERSEDED, Standing.CORRECTED, Standing.MERGED]),
                name="what_holds_is_not_replaced",
            ),
        ]
        indexes = [
            models.Index(fields=["end_user", "standing", "slot"], name="fact_of_end_user"),
            models.Index(fields=["tenant", "-created_at", "-id"], name="fact_by_time"),
        ]

    def __str__(self) -> str:
        return self.content[:80]


class FactSource(models.Model):
    """A message that a fact came from. It outlives the message, so that the same one is known when it comes again."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    fact = models.ForeignKey(Fact, on_delete=models.CASCADE, db_constraint=False, related_name="sources")
    message_id = models.UUIDField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["fact", "message_id"], name="fact_source_is_unique")]
        indexes = [models.Index(fields=["message_id"], name="fact_source_of_message")]

    def __str__(self) -> str:
        return str(self.message_id)


class FactVector(models.Model):
    """The vector of a fact's content under one embedding model."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    fact = models.ForeignKey(Fact, on_delete=models.CASCADE, db_constraint=False, related_name="vectors")
    model = models.CharField(max_length=MODEL_KEY_MAX)
    vector = VectorField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["fact", "model"], name="fact_vector_is_unique")]

    def __str__(self) -> str:
        return self.model


class Profile(models.Model):
    """What the facts about an end user come to, in a few sentences."""

    end_user = models.OneToOneField(
        EndUser, on_delete=models.CASCADE, primary_key=True, db_constraint=False, related_name="profile"
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    summary = models.TextField(blank=True)
    key_traits = models.JSONField(default=list)
    written_by = models.CharField(max_length=READER_MAX, blank=True)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.summary[:80]
