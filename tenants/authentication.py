"""From a request's key to a `Caller`: who is asking, and for which tenant."""

import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import structlog
from django.conf import settings
from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from tenants import audit, founding, keys
from tenants.addresses import client_address
from tenants.isolation import tenant_scope
from tenants.models import ApiKey, Scope, Tenant

DEFAULT_TENANT = "default"
LAST_USE_PRECISION = timedelta(minutes=1)


class TenantNotFound(exceptions.NotFound):
    default_code = "tenant_not_found"
    default_detail = "There is no such tenant."


@dataclass(frozen=True)
class Caller:
    """`tenant` is the only tenant a key opens, None (deployment key, open local API) all; `end_user_id` likewise."""

    kind: Literal["deployment", "tenant", "user", "open"]
    tenant: Tenant | None = None
    end_user_id: uuid.UUID | None = None
    key_id: uuid.UUID | None = None
    scopes: frozenset[str] = frozenset(Scope.values)
    is_authenticated: bool = True

    def scope(self, tenant: Tenant) -> AbstractContextManager[None]:
        """A transaction in which the database shows what this caller may see of `tenant`."""
        return tenant_scope(tenant, end_user_id=self.end_user_id)

    def tenant_for(self, slug: str | None, *, create: bool) -> Tenant:
        """The tenant a request is about. `create` lets a write bring an unknown one into being, if the settings do.

        Raises PermissionDenied for another tenant than the key's, TenantNotFound for an unknown one.
        """
        if self.tenant:
            if slug not in (None, self.tenant.slug):
                raise exceptions.PermissionDenied("This key is for another tenant; leave tenant_id out.")
            return self.tenant
        slug = slug or DEFAULT_TENANT
        if create and settings.MEMORY_AUTO_CREATE_TENANTS:
            return founding.found_or_known(slug)
        try:
            return Tenant.objects.get(slug=slug)
        except Tenant.DoesNotExist:
            raise TenantNotFound(f'There is no tenant "{slug}"; check tenant_id.') from None


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """`X-API-Key: KEY` or `Authorization: Bearer KEY`."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        key = _given_key(request)
        if key is None and settings.MEMORY_REQUIRE_API_KEY:
            return None
        caller, name = _recognised(key) if key else (Caller(kind="open"), "no key")
        audit.act_as(audit.ActorKind.KEY, name, address=client_address(request))
        _say(caller)
        return caller, None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _say(caller: Caller) -> None:
    """On every line from here on: whose key it is, never the key."""
    said = {"key_id": str(caller.key_id)} if caller.key_id else {}
    if caller.tenant:
        said["tenant"] = caller.tenant.slug
    structlog.contextvars.bind_contextvars(**said)


def _given_key(request: Request) -> str | None:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    bearer = credentials.strip() if scheme.lower() == "bearer" else ""
    return request.headers.get("X-API-Key", "").strip() or bearer or None


def _recognised(key: str) -> tuple[Caller, str]:
    """Who has this key, and what people call it. Raises AuthenticationFailed."""
    if keys.is_one_of(key, settings.MEMORY_API_KEYS):
        return Caller(kind="deployment"), "MEMORY_API_KEYS"
    row = _row_of(key)
    return Caller(row.kind, row.tenant, row.end_user_id, row.pk, frozenset(row.scopes)), str(row)


def _row_of(key: str) -> ApiKey:
    row = keys.find(key)
    if row is None:
        raise exceptions.AuthenticationFailed("This API key is unknown, expired or revoked.", code="invalid_api_key")
    now = timezone.now()
    if row.last_used_at is None or now - row.last_used_at > LAST_USE_PRECISION:
        row.last_used_at = now
        ApiKey.objects.filter(pk=row.pk).update(last_used_at=now)
    return row
