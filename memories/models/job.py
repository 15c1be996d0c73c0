"""Queued work: long operations, which messages are read for facts, and what reading them spent."""

from typing import Self, cast

from django.db import models
from django.db.models.functions import Now

from memories.models.conversation import Conversation
from memories.models.fact import READER_MAX
from memories.models.message import Message
from tenants import origin
from tenants.ids import new_id
from tenants.models import EndUser, Tenant


class JobKind(models.TextChoices):
    EXTRACT = "extract", "Extract facts"
    CONSOLIDATE = "consolidate", "Consolidate facts"
    EMBED = "embed", "Embed again"
    BACKFILL = "backfill", "Embed what is missing"
    ERASE = "erase", "Erase"
    IMPORT = "import", "Import messages"
    PRUNE = "prune", "Delete old vectors"
    REEMBED = "reembed", "Change the embedding model"
    REINDEX = "reindex", "Index words again"
    RESCORE = "rescore", "Score importance again"
    RESTORE = "restore", "Restore from the archive"
    RESTORE_COLD = "restore_cold", "Restore from cold storage"
    RETENTION = "retention", "Retention run"


OF_A_PERSON = (JobKind.EXTRACT, JobKind.CONSOLIDATE)
ROUTINE = (JobKind.RESCORE,)  # queued by beat, every hour


class JobStatus(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)
STOPPED = (JobStatus.FAILED, JobStatus.CANCELLED)


class JobQuerySet(models.QuerySet["Job"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)

    def due(self) -> Self:
        """Work to take up: waiting, or claimed by a worker whose time ran out. One clock for all: the database's."""
        return self.filter(status__in=OPEN, due_at__lte=Now())

    def retry(self) -> int:
        """Queue again what failed or was cancelled; return how many. Each goes on where it stopped."""
        anew = {"attempts": 0, "due_at": Now(), "claim": None, "is_cancelled": False, "error": "", "finished_at": None}
        return self.filter(status__in=STOPPED).update(status=JobStatus.QUEUED, **anew)


class Job(models.Model):
    """A long operation on a tenant's rows. While `claim` stands, only its holder may finish the row.

    `asked` is what it was asked for and `position` where it goes on after an interruption, by ids and settings; `error`
    says why it failed, or why it still waits; `result` holds counts. Text of messages is in none of them.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="jobs")
    end_user = models.ForeignKey(
        EndUser, on_delete=models.CASCADE, null=True, blank=True, db_constraint=False, related_name="jobs"
    )
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, null=True, blank=True, db_constraint=False, related_name="jobs"
    )
    kind = models.CharField(max_length=16, choices=JobKind)
    status = models.CharField(max_length=16, choices=JobStatus, default=JobStatus.QUEUED)
    due_at = models.DateTimeField(db_default=Now())
    claim = models.UUIDField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    asked = models.JSONField(default=dict)
    position = models.JSONField(default=dict)
    done = models.PositiveBigIntegerField(default=0, help_text="How many of `total` are done.")
    total = models.PositiveBigIntegerField(null=True, help_text="Empty: not known, or a job of one step.")
    is_cancelled = models.BooleanField(default=False, help_text="Its worker stops after the step it is at.")
    error = models.TextField(blank=True)
    result = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True)
    origin = models.JSONField(null=True, default=origin.current, help_text="The request that asked for it.")

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="job_of_tenant"),
            models.CheckConstraint(
                condition=models.Q(kind__in=JobKind.values, status__in=JobStatus.values), name="job_is_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(kind__in=OF_A_PERSON) | ~models.Q(end_user=None), name="job_on_facts_has_a_person"
            ),
            models.CheckConstraint(
                condition=~models.Q(status=JobStatus.RUNNING) | ~models.Q(claim=None), name="running_job_is_claimed"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(status__in=OPEN), name="job_open"),
            models.Index(fields=["conversation", "kind", "status"], name="job_of_conversation"),
            models.Index(fields=["tenant", "-created_at", "-id"], name="job_by_time"),
            models.Index(fields=["-id"], condition=models.Q(status=JobStatus.FAILED), name="job_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.status}"

    @property
    def person(self) -> EndUser:
        """Whom a job on facts is about: the database sees to it that there is one."""
        return cast("EndUser", self.end_user)

    @property
    def progress(self) -> float:
        """0 to 1: the share that is done."""
        if self.status == JobStatus.SUCCEEDED:
            return 1.0
        return min(1.0, self.done / self.total) if self.total else 0.0


class Reading(models.Model):
    """A message given to an extractor, by `job`. There is one a message: it is read for facts once.

    Jobs are forgotten some time after they succeeded; that the message was read is not.
    """

    message = models.OneToOneField(
        Message, on_delete=models.CASCADE, primary_key=True, db_constraint=False, related_name="reading"
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, db_constraint=False, related_name="readings")

    def __str__(self) -> str:
        return str(self.message_id)


class TokenSpend(models.Model):
    """What a tenant's calls to one language model took on one day (UTC). `cost` is in US dollars, where it is known."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="token_spends")
    day = models.DateField()
    model = models.CharField(max_length=READER_MAX)
    calls = models.PositiveIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cost = models.DecimalField("cost (USD)", max_digits=14, decimal_places=6, null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "day", "model"], name="token_spend_is_unique")]
        ordering = ["-day", "model"]

    def __str__(self) -> str:
        return f"{self.day}: {self.model}"
