"""Who is asking: tenants, their keys, their end users, and the answers kept for repeated requests."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now

from tenants import rates
from tenants.ids import as_uuid, new_id

SLUG_PATTERN = r"^[A-Za-z0-9_.-]{1,64}$"
EXTERNAL_ID_MAX = 255


def validate_rate(value: str) -> None:
    try:
        rates.parse(value)
    except ValueError as error:
        raise ValidationError(str(error), code="invalid_rate") from None


class Tenant(models.Model):
    """One application: the isolation root. `slug` is the `tenant_id` of the API."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.CharField(max_length=64, unique=True, validators=[RegexValidator(SLUG_PATTERN)])
    name = models.CharField(max_length=200, blank=True)
    rate_limit = models.CharField(  # noqa: DJ001 - absent is not ""
        max_length=32,
        null=True,
        blank=True,
        validators=[validate_rate],
        help_text="COUNT/second, /minute, /hour or /day, such as 120/minute; 0: no limit. Empty: the setting applies.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["slug"]
        constraints = [models.CheckConstraint(condition=models.Q(slug__regex=SLUG_PATTERN), name="tenant_slug_is_sane")]

    def __str__(self) -> str:
        return self.slug


class Scope(models.TextChoices):
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


def ordinary_scopes() -> list[str]:
    """What an application needs: to store and to find."""
    return [Scope.READ, Scope.WRITE]


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self) -> Self:
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=Now())
        return self.filter(unexpired, revoked_at=None)

    def revoke(self) -> int:
        """Have these open nothing from now on; return how many were still good for something."""
        return self.filter(revoked_at=None).update(revoked_at=Now())


class ApiKey(models.Model):
    """A tenant's key: only its SHA-256 is stored; `prefix` is what people recognise it by."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope), default=ordinary_scopes)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scopes__contained_by=Scope.values, scopes__len__gt=0),
                name="api_key_scopes_are_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"


class EndUserQuerySet(models.QuerySet["EndUser"]):
    def known_as(self, tenant: Tenant, user_ids: Iterable[str]) -> Self:
        """End users of `tenant` by the ids a client sends: its own strings, or the UUIDs that we issued."""
        ids = list(user_ids)
        ours = [one for one in map(as_uuid, ids) if one]
        return self.filter(models.Q(external_id__in=ids) | models.Q(pk__in=ours), tenant=tenant)


class EndUser(models.Model):
    """The person a conversation is with; known by our id or by the client's own string."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="end_users")
    external_id = models.CharField(max_length=EXTERNAL_ID_MAX, null=True, blank=True)  # noqa: DJ001 - absent is not ""
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = EndUserQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "external_id"], name="end_user_external_id_is_unique")]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return self.external_id or str(self.id)


class IdempotencyKey(models.Model):
    """The first answer to a POST that carried an `Idempotency-Key`, for repeats of it."""

    LIFETIME = timedelta(hours=24)

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="idempotency_key_is_unique")]

    def __str__(self) -> str:
        return self.key
