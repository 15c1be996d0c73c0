"""The shapes of end users, of keys and of the audit trail."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from tenants.api import fields
from tenants.api.serializers import PageQuery, StrictSerializer
from tenants.models import KEY_KINDS, USER_KEY_IS_NO_ADMIN, AuditEvent, KeyState, Scope

# --- End users ----------------------------------------------------------------------------------------------------


class NewUser(StrictSerializer):
    tenant_id = fields.TenantId()
    external_id = fields.UserId(required=False, allow_null=True, help_text="What the application calls them.")
    metadata = fields.Metadata(required=False)


class UserSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True)
    metadata = serializers.DictField()
    created_at = serializers.DateTimeField()


class IssuedUserKey(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Of the end user.")
    external_id = serializers.CharField(allow_null=True)
    api_key = serializers.CharField(
        allow_null=True, help_text="Shown this once; null when an Idempotency-Key is repeated."
    )


class MadeUser(UserSerializer, IssuedUserKey):
    """An end user with the first key of theirs."""


@extend_schema_serializer(many=False)
class UserPage(serializers.Serializer[Any]):
    items = UserSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


# --- Keys ---------------------------------------------------------------------------------------------------------


def in_the_future(value: datetime) -> None:
    if value <= timezone.now():
        raise serializers.ValidationError("The time is past; a key must have one to come.", code="in_the_past")


class ApiKeyQuery(PageQuery):
    state = fields.Choice(choices=KeyState.choices, required=False)
    user_id = fields.UserId(required=False, help_text="Only keys of this end user.")


class NewApiKey(StrictSerializer):
    tenant_id = fields.TenantId()
    name = fields.Text(max_length=100, help_text="What people will know it by.")
    scopes = serializers.ListField(
        child=fields.Choice(choices=Scope.choices),
        required=False,
        min_length=1,
        max_length=len(Scope),
        help_text="Default: read and write.",
    )
    expires_at = fields.Moment(
        required=False, allow_null=True, validators=[in_the_future], help_text="Default: good until it is revoked."
    )
    user_id = fields.UserId(required=False, allow_null=True, help_text="The key opens the data of this end user only.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("user_id") and Scope.ADMIN in attrs.get("scopes", ()):
            raise serializers.ValidationError({"scopes": USER_KEY_IS_NO_ADMIN}, code="user_key_is_no_admin")
        return attrs


class ApiKeySerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    kind = serializers.ChoiceField(choices=KEY_KINDS)
    tenant_id = serializers.CharField(source="tenant.slug", allow_null=True)
    user_id = serializers.CharField(source="end_user.public_id", allow_null=True)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class IssuedApiKey(ApiKeySerializer):
    key = serializers.CharField(allow_null=True, help_text="Shown this once; null when an Idempotency-Key is repeated.")


@extend_schema_serializer(many=False)
class ApiKeyPage(serializers.Serializer[Any]):
    items = ApiKeySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


# --- Audit trail --------------------------------------------------------------------------------------------------


class AuditQuery(PageQuery):
    action = fields.Text(required=False, max_length=64, help_text="Such as `api_key.issued`.")
    actor = fields.Text(required=False, max_length=200)
    object_id = fields.Text(required=False, max_length=255)
    since = fields.Moment(required=False)
    until = fields.Moment(required=False)


class AuditEventSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    tenant_id = serializers.CharField(source="tenant.slug")
    actor_kind = serializers.ChoiceField(choices=AuditEvent.ActorKind.choices)
    actor = serializers.CharField()
    action = serializers.CharField()
    object_type = serializers.CharField()
    object_id = serializers.CharField()
    detail = serializers.DictField()
    address = serializers.CharField()
    request_id = serializers.CharField()


@extend_schema_serializer(many=False)
class AuditPage(serializers.Serializer[Any]):
    items = AuditEventSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
