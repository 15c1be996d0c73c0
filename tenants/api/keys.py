"""`/v1/api-keys`."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import end_users, keys
from tenants.api import shapes
from tenants.api.base import TenantViewSet, page
from tenants.api.serializers import TenantQuery
from tenants.idempotency import once
from tenants.models import ApiKey, ApiKeyQuerySet, Scope, Tenant


@extend_schema(tags=["API keys"])
class ApiKeyViewSet(TenantViewSet):
    """Keys of a tenant and of its end users; keys of the deployment are issued by command or in the admin."""

    lookup_url_kwarg = "key_id"
    lookup_value_converter = "uuid"
    required_scope = Scope.ADMIN

    @extend_schema(parameters=[shapes.ApiKeyQuery], responses=shapes.ApiKeyPage)
    def list(self, request: Request) -> Response:
        """Keys, the newest first; revoked and expired ones too, unless `state` says otherwise."""
        given = self.query(shapes.ApiKeyQuery)
        with self.scope(given) as tenant:
            found = matching(tenant, given).select_related("tenant", "end_user")
            rows, next_cursor = page(found, limit=given["limit"], cursor=given.get("cursor"))
        return Response({"items": shapes.ApiKeySerializer(rows, many=True).data, "next_cursor": next_cursor})

    @extend_schema(request=shapes.NewApiKey, responses={201: shapes.IssuedApiKey}, parameters=[TenantQuery])
    def create(self, request: Request) -> Response:
        """Issue a key, with `user_id` one of that end user. The key itself is in the answer, this once."""
        given = self.body(shapes.NewApiKey)
        tenant = self.tenant_of_body(given, create=True)
        return once(request, tenant, lambda: _issued(tenant, given), shown_once=("key",))

    @extend_schema(parameters=[TenantQuery], responses={204: None})
    def destroy(self, request: Request, key_id: UUID) -> Response:
        """Revoke a key: it opens nothing from now on, and stays in the list."""
        with self.scope() as tenant:
            keys.revoke([get_object_or_404(ApiKey.objects.for_tenant(tenant), pk=key_id)])
        return Response(status=status.HTTP_204_NO_CONTENT)


def matching(tenant: Tenant, given: dict[str, Any]) -> ApiKeyQuerySet:
    """The tenant's keys that the filters of a list leave."""
    found = ApiKey.objects.for_tenant(tenant)
    if "state" in given:
        found = found.in_state(given["state"])
    return found.of_user(tenant, given["user_id"]) if "user_id" in given else found


def _issued(tenant: Tenant, given: dict[str, Any]) -> Response:
    user_id = given.get("user_id")
    end_user = end_users.found_or_made(tenant, [user_id])[user_id] if user_id else None
    scopes, expires_at = given.get("scopes"), given.get("expires_at")
    row, key = keys.issue(tenant, name=given["name"], end_user=end_user, scopes=scopes, expires_at=expires_at)
    shown = shapes.ApiKeySerializer(row).data
    return Response({**shown, "key": key}, status=status.HTTP_201_CREATED)
