"""What is kept how long, what a run decided and did, what lies in cold storage, and receipts of erasure."""

from typing import Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from tenants.ids import new_id
from tenants.models import Tenant


class Action(models.TextChoices):
    ARCHIVE = "archive"
    DELETE = "delete"
    COLD = "move_to_cold_storage", "Move to cold storage"


def every_action() -> list[str]:
    return list(Action.values)


class Mode(models.TextChoices):
    DRY_RUN = "dry_run", "Dry run"
    ENFORCE = "enforce", "Enforce"


class Policy(models.Model):
    """How long a tenant's messages stay. A limit that is empty does not apply; without a policy the settings do."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="retention_policy")
    mode = models.CharField(
        max_length=16, choices=Mode, default=Mode.DRY_RUN, help_text="A dry run plans on schedule and changes nothing."
    )
    max_age_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Messages older than this are archived, unless they are important enough.",
    )
    importance_threshold = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="What is at least as important at that moment stays, whatever its age. Empty: age alone decides.",
    )
    max_items = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Of more messages than this in the tenant, the least important ones are archived.",
    )
    max_items_per_conversation = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="The same within each conversation."
    )
    delete_after_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="What has been archived for so long is deleted. Empty: never.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "retention policy"
        verbose_name_plural = "retention policies"
        constraints = [
            models.CheckConstraint(condition=models.Q(mode__in=["dry_run", "enforce"]), name="policy_mode_is_known"),
            models.CheckConstraint(
                condition=models.Q(importance_threshold=None) | models.Q(importance_threshold__range=(0.0, 1.0)),
                name="policy_threshold_is_a_share",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant}: {self.get_mode_display()}"


class RuleQuerySet(models.QuerySet["Rule"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)

    def in_force(self) -> Self:
        """Enabled ones in the order in which they decide: the first that fits a message does."""
        return self.filter(enabled=True).order_by("priority", "created_at", "id")


class Rule(models.Model):
    """A rule decides before the policy does. `conditions` are those of its type (`retention.conditions`)."""

    class Type(models.TextChoices):
        AGE = "age"
        IMPORTANCE = "importance"
        CONVERSATION_AGE = "conversation_age"
        MAX_ITEMS = "max_items"
        CUSTOM = "custom"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="retention_rules")
    name = models.CharField(max_length=100)
    rule_type = models.CharField("type", max_length=20, choices=Type)
    conditions = models.JSONField(default=dict)
    action = models.CharField(max_length=24, choices=Action)
    priority = models.PositiveSmallIntegerField(
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="1 to 1000; the rule with the lowest number decides first.",
    )
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = RuleQuerySet.as_manager()

    class Meta:
        verbose_name = "retention rule"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="rule_name_is_unique"),
            models.CheckConstraint(
                condition=models.Q(rule_type__in=["age", "importance", "conversation_age", "max_items", "custom"]),
                name="rule_type_is_known",
            ),
            models.CheckConstraint(condition=models.Q(action__in=Action.values), name="rule_action_is_known"),
            models.CheckConstraint(condition=models.Q(priority__range=(1, 1000)), name="rule_priority_is_in_range"),
        ]

    def __str__(self) -> str:
        return self.name


class RunQuerySet(models.QuerySet["Run"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)

    def running(self) -> Self:
        return self.filter(status=Run.Status.RUNNING)


class Run(models.Model):
    """One plan of one tenant at the moment `planned_for`, and how far the job of the same id has carried it out.

    `planned` is a list of {action, reason, count, bytes, oldest, newest}, `sample` one of {message_id, action, reason}:
    what the plan chose. The other numbers count what has come of it.
    """

    class Status(models.TextChoices):
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule"
        API = "api"
        ADMIN = "admin"
        COMMAND = "command"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="retention_runs")
    dry_run = models.BooleanField()
    actions = models.JSONField(default=every_action)
    trigger = models.CharField(max_length=16, choices=Trigger)
    status = models.CharField(max_length=16, choices=Status, default=Status.RUNNING)
    planned_for = models.DateTimeField(default=timezone.now)
    planned = models.JSONField(default=list)
    sample = models.JSONField(default=list)
    total = models.PositiveIntegerField(default=0)
    archived = models.PositiveIntegerField(default=0)
    deleted = models.PositiveIntegerField(default=0)
    moved = models.PositiveIntegerField("moved to cold storage", default=0)
    skipped = models.PositiveIntegerField(default=0, help_text="Changed, held or gone since the plan was made.")
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        verbose_name = "retention run"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="run_of_tenant"),
            models.UniqueConstraint(
                fields=["tenant"],
                condition=models.Q(dry_run=False, status="running"),
                name="one_run_of_a_tenant_at_a_time",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-created_at", "-id"], name="run_by_time")]

    def __str__(self) -> str:
        return f"{'dry run' if self.dry_run else 'run'} of {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def progress(self) -> float:
        """0 to 1: the share of the plan that has been dealt with."""
        done = self.archived + self.deleted + self.moved + self.skipped
        return 1.0 if self.status == self.Status.COMPLETED else done / self.total if self.total else 0.0


class PlannedItemQuerySet(models.QuerySet["PlannedItem"]):
    def open(self) -> Self:
        return self.filter(done_at=None)


class PlannedItem(models.Model):
    """What a run decided about one message. The message may be gone: its id is all that is kept of it."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, db_constraint=False, related_name="items")
    message_id = models.UUIDField()
    action = models.CharField(max_length=24, choices=Action)
    reason = models.CharField(max_length=120)
    was_archived = models.BooleanField(help_text="When the plan was made; otherwise now, it is no longer meant.")
    done_at = models.DateTimeField(null=True)

    objects = PlannedItemQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "message_id"], name="planned_item_is_unique")]
        indexes = [models.Index(fields=["run", "id"], condition=models.Q(done_at=None), name="item_open")]

    def __str__(self) -> str:
        return f"{self.action} {self.message_id}: {self.reason}"


class Forecast(models.Model):
    """How many messages the policy and rules in force will have chosen for `action` in `days` days from `made_at`."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="retention_forecasts")
    days = models.PositiveSmallIntegerField()
    action = models.CharField(max_length=24, choices=Action)
    count = models.PositiveIntegerField()
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "days", "action"], name="forecast_is_unique")]

    def __str__(self) -> str:
        return f"{self.action} in {self.days} days: {self.count}"


class ColdFile(models.Model):
    """Messages that were moved to cold storage together: one gzipped file of JSON Lines and its manifest."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="cold_files")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, db_constraint=False, null=True, related_name="cold_files")
    path = models.CharField(
        max_length=500, unique=True, help_text="In the storage `cold`; the manifest lies beside it."
    )
    sha256 = models.CharField(max_length=64)
    bytes = models.PositiveBigIntegerField()
    messages = models.PositiveIntegerField()
    oldest = models.DateTimeField()
    newest = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    restored_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "cold file"
        indexes = [models.Index(fields=["tenant", "-created_at", "-id"], name="cold_file_by_time")]

    def __str__(self) -> str:
        return self.path


class Receipt(models.Model):
    """That and what was erased, without naming it: `subject_digest` is the SHA-256 of "kind:tenant slug:id".

    `signature` is an HMAC over the other fields (`retention.erasure.receipts`), so that a changed receipt is found out.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+")
    subject_kind = models.CharField(max_length=16)
    subject_digest = models.CharField(max_length=64, db_index=True)
    counts = models.JSONField()
    proof = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)
    signature = models.CharField(max_length=64)

    class Meta:
        verbose_name = "receipt of erasure"
        verbose_name_plural = "receipts of erasure"
        indexes = [models.Index(fields=["tenant", "-created_at", "-id"], name="receipt_by_time")]

    def __str__(self) -> str:
        return f"{self.subject_kind} erased at {self.created_at:%Y-%m-%d %H:%M}"
