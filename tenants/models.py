"""Who is asking: tenants, their end users and keys, the answers kept for repeated requests, and the audit trail."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from tenants import rates
from tenants.ids import as_uuid, new_id

SLUG_PATTERN = r"^[A-Za-z0-9_.-]{1,64}$"
EXTERNAL_ID_MAX = 255


def validate_rate(value: str) -> None:
    try:
        rates.parse(value)
    except ValueError as error:
        raise ValidationError(str(error), code="invalid_rate") from None


def validate_weights(value: object) -> None:
    """Names and numbers as in MEMORY_RANKING_WEIGHTS; those left out keep what the setting says."""
    known: dict[str, float] = settings.MEMORY_RANKING_WEIGHTS
    if not isinstance(value, dict) or not all(_is_weight(weight) for weight in value.values()):
        raise ValidationError('Expected an object of names and numbers from 0 to 1000, such as {"recency": 0.1}.')
    if unknown := sorted(value.keys() - known.keys()):
        raise ValidationError(f"Unknown: {', '.join(unknown)}. Known are {', '.join(known)}.")


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1000


class Language(models.TextChoices):
    """What words are reduced to their stems by: the algorithms of Snowball."""

    ARABIC = "arabic"
    ARMENIAN = "armenian"
    BASQUE = "basque"
    CATALAN = "catalan"
    DANISH = "danish"
    DUTCH = "dutch"
    ENGLISH = "english"
    ESTONIAN = "estonian"
    FINNISH = "finnish"
    FRENCH = "french"
    GERMAN = "german"
    GREEK = "greek"
    HINDI = "hindi"
    HUNGARIAN = "hungarian"
    INDONESIAN = "indonesian"
    IRISH = "irish"
    ITALIAN = "italian"
    LITHUANIAN = "lithuanian"
    NEPALI = "nepali"
    NORWEGIAN = "norwegian"
    PORTUGUESE = "portuguese"
    ROMANIAN = "romanian"
    RUSSIAN = "russian"
    SERBIAN = "serbian"
    SPANISH = "spanish"
    SWEDISH = "swedish"
    TAMIL = "tamil"
    TURKISH = "turkish"
    YIDDISH = "yiddish"


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
    daily_token_budget = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        help_text="Tokens of language models a day (UTC); 0: no limit. Empty: the setting applies.",
    )
    language = models.CharField(
        max_length=16,
        choices=Language,
        blank=True,
        help_text="What the tenant's messages are written in. Empty: recognised text by text.",
    )
    ranking_weights = models.JSONField(
        null=True,
        blank=True,
        validators=[validate_weights],
        help_text='Over those of the setting, such as {"recency": 0.1}. Empty: the setting applies.',
    )
    # Keys of embedding models (memories.providers.base.model_key), "" for none; `manage.py reembed` writes them.
    embedding_model = models.CharField(
        max_length=200, blank=True, editable=False, help_text="Searched by. Empty: the one the settings name."
    )
    next_embedding_model = models.CharField(
        max_length=200, blank=True, editable=False, help_text="Being filled, to be searched by when it is whole."
    )
    previous_embedding_model = models.CharField(
        max_length=200, blank=True, editable=False, help_text="Searched by before, and kept for going back."
    )
    has_vector_index = models.BooleanField(
        default=False, editable=False, help_text="It has so many messages that searches go through an index of its own."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["slug"]
        constraints = [models.CheckConstraint(condition=models.Q(slug__regex=SLUG_PATTERN), name="tenant_slug_is_sane")]

    def __str__(self) -> str:
        return self.slug


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
        constraints = [
            models.UniqueConstraint(fields=["tenant", "external_id"], name="end_user_external_id_is_unique"),
            models.UniqueConstraint(fields=["tenant", "id"], name="end_user_of_tenant"),
        ]
        indexes = [models.Index(fields=["tenant", "-created_at", "-id"], name="end_user_by_time")]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return self.external_id or str(self.id)


class Scope(models.TextChoices):
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


USER_KEY_IS_NO_ADMIN = "A key of an end user cannot have the scope `admin`; leave it out."


def ordinary_scopes() -> list[str]:
    """What an application needs: to store and to find."""
    return [Scope.READ, Scope.WRITE]


KEY_KINDS = ("deployment", "tenant", "user")


class KeyState(models.TextChoices):
    USABLE = "usable"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        """Keys of `tenant` and of its end users."""
        return self.filter(tenant=tenant)

    def of_user(self, tenant: Tenant, user_id: str) -> Self:
        """Keys of the end user with this id, ours or the client's; none when there is no such user."""
        return self.filter(end_user__in=EndUser.objects.known_as(tenant, [user_id]))

    def usable(self) -> Self:
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=Now())
        return self.filter(unexpired, revoked_at=None)

    def in_state(self, state: str) -> Self:
        match KeyState(state):
            case KeyState.USABLE:
                return self.usable()
            case KeyState.EXPIRED:
                return self.filter(revoked_at=None, expires_at__lte=Now())
            case KeyState.REVOKED:
                return self.exclude(revoked_at=None)


class ApiKey(models.Model):
    """A key of one end user, of a tenant, or (without either) of the deployment, for all tenants.

    Only its SHA-256 is stored; `prefix` is what people recognise it by.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="api_keys",
        help_text="Empty: a key of the deployment, for all tenants.",
    )
    end_user = models.ForeignKey(
        EndUser,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        db_constraint=False,  # the database has one over (tenant, end user)
        related_name="api_keys",
        help_text="Empty: the key is for all end users of its tenant.",
    )
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
            ),
            models.CheckConstraint(
                condition=models.Q(end_user=None) | models.Q(tenant__isnull=False), name="user_key_has_a_tenant"
            ),
            models.CheckConstraint(
                condition=models.Q(end_user=None) | ~models.Q(scopes__contains=[Scope.ADMIN]),
                name="user_key_is_no_admin",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"

    def clean(self) -> None:
        """What the constraints would refuse, in words."""
        if self.end_user is None:
            return
        if self.end_user.tenant_id != self.tenant_id:
            raise ValidationError({"end_user": "This end user is not of this tenant; choose one that is."})
        if Scope.ADMIN in self.scopes:
            raise ValidationError({"scopes": USER_KEY_IS_NO_ADMIN})

    @property
    def kind(self) -> Literal["deployment", "tenant", "user"]:
        if self.end_user_id:
            return "user"
        return "tenant" if self.tenant_id else "deployment"

    @property
    def state(self) -> KeyState:
        if self.revoked_at:
            return KeyState.REVOKED
        return KeyState.EXPIRED if self.expires_at and self.expires_at <= timezone.now() else KeyState.USABLE


class IdempotencyKey(models.Model):
    """The first answer to a POST that carried an `Idempotency-Key`, for repeats of it."""

    LIFETIME = timedelta(hours=24)

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    end_user = models.ForeignKey(
        EndUser, on_delete=models.CASCADE, null=True, db_constraint=False, related_name="+"
    )  # whose key it came with, if it was a user's
    key = models.CharField(max_length=255)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "end_user", "key"], nulls_distinct=False, name="idempotency_key_is_unique"
            )
        ]

    def __str__(self) -> str:
        return self.key


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def matching(
        self,
        tenant: Tenant,
        *,
        action: str | None = None,
        actor: str | None = None,
        object_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Self:
        """What was done in the tenant and meets every filter given, times inclusive."""
        wanted = {
            "action": action,
            "actor": actor,
            "object_id": object_id,
            "created_at__gte": since,
            "created_at__lte": until,
        }
        return self.filter(tenant=tenant, **{name: value for name, value in wanted.items() if value is not None})


class AuditEvent(models.Model):
    """Who did what, on which tenant and object, when, from where. The database refuses to change or delete any."""

    class ActorKind(models.TextChoices):
        KEY = "key"
        OPERATOR = "operator"
        COMMAND = "command"
        SYSTEM = "system"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    actor_kind = models.CharField(max_length=16, choices=ActorKind)
    actor = models.CharField(max_length=200, blank=True)
    action = models.CharField(max_length=64)
    object_type = models.CharField(max_length=64, blank=True)
    object_id = models.CharField(max_length=255, blank=True)
    detail = models.JSONField(default=dict, blank=True)
    address = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=128, blank=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["tenant", "-created_at", "-id"], name="audit_by_time")]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_kind} {self.actor}".rstrip()
