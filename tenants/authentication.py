"""From a request's key to a `Caller`: who is asking, and for which tenant."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from django.conf import settings
from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from tenants import keys
from tenants.models import ApiKey, Scope, Tenant

DEFAULT_TENANT = "default"
LAST_USE_PRECISION = timedelta(minutes=1)


class TenantNotFound(exceptions.NotFound):
    default_code = "tenant_not_found"
    default_detail = "There is no such tenant."


@dataclass(frozen=True)
class Caller:
    """`tenant` is the only tenant a tenant's key opens; None (deployment key, open local API) opens all."""

    kind: Literal["deployment", "tenant", "open"]
    tenant: Tenant | None = None
    scopes: frozenset[str] = frozenset(Scope.values)
    is_authenticated: bool = True

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
            return Tenant.objects.get_or_create(slug=slug)[0]
        try:
            return Tenant.objects.get(slug=slug)
        except Tenant.DoesNotExist:
            raise TenantNotFound(f'There is no tenant "{slug}"; check tenant_id.') from None


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """`X-API-Key: KEY` or `Authorization: Bearer KEY`."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        key = _given_key(request)
        if key is None:
            return None if settings.MEMORY_REQUIRE_API_KEY else (Caller(kind="open"), None)
        if keys.is_one_of(key, settings.MEMORY_API_KEYS):
            return Caller(kind="deployment"), None
        row = _row_of(key)
        return Caller(kind="tenant", tenant=row.tenant, scopes=frozenset(row.scopes)), None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _given_key(request: Request) -> str | None:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    bearer = credentials.strip() if scheme.lower() == "bearer" else ""
    return request.headers.get("X-API-Key", "").strip() or bearer or None


def _row_of(key: str) -> ApiKey:
    row = ApiKey.objects.usable().select_related("tenant").filter(digest=keys.digest(key)).first()
    if row is None:
        raise exceptions.AuthenticationFailed("This API key is unknown, expired or revoked.", code="invalid_api_key")
    now = timezone.now()
    if row.last_used_at is None or now - row.last_used_at > LAST_USE_PRECISION:
        ApiKey.objects.filter(pk=row.pk).update(last_used_at=now)
    return row
