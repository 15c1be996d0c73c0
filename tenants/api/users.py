"""`/v1/users`: end users and their keys."""

from typing import Any

from django.db import IntegrityError, transaction
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import end_users, keys
from tenants.api import shapes
from tenants.api.base import TenantViewSet, page
from tenants.api.serializers import PageQuery, TenantQuery
from tenants.idempotency import once
from tenants.models import ApiKey, EndUser, Tenant, ordinary_scopes

KEY_NAME = "end user"  # says nothing of the person: what the audit trail has of a key outlives an erasure


class UserExists(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "user_exists"
    default_detail = "An end user with this external_id exists already; use it, or choose another one."


class ForApplications(exceptions.PermissionDenied):
    default_detail = "A key of an end user may not do this; use a key of the tenant."


class UserView(TenantViewSet):
    @extend_schema(parameters=[TenantQuery], responses=shapes.UserSerializer)
    def retrieve(self, request: Request, user_id: str) -> Response:
        """An end user, by our id or by the client's own."""
        with self.scope() as tenant:
            return Response(shapes.UserSerializer(one(tenant, user_id)).data)


@extend_schema(tags=["Users"])
class UserViewSet(TenantViewSet):
    """End users come into being with their first message, or here with a key that opens their data alone."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.caller.end_user_id:
            raise ForApplications

    @extend_schema(parameters=[PageQuery], responses=shapes.UserPage)
    def list(self, request: Request) -> Response:
        """End users, the newest first."""
        given = self.query(PageQuery)
        with self.scope(given) as tenant:
            mine = EndUser.objects.filter(tenant=tenant)
            rows, next_cursor = page(mine, limit=given["limit"], cursor=given.get("cursor"))
        return Response({"items": shapes.UserSerializer(rows, many=True).data, "next_cursor": next_cursor})

    @extend_schema(request=shapes.NewUser, responses={201: shapes.MadeUser}, parameters=[TenantQuery])
    def create(self, request: Request) -> Response:
        """Make an end user, and a key that opens the data of this one alone. The key is in the answer, this once."""
        given = self.body(shapes.NewUser)
        tenant = self.tenant_of_body(given, create=True)
        return once(request, tenant, lambda: self._made(tenant, given), shown_once=("api_key",))

    def _made(self, tenant: Tenant, given: dict[str, Any]) -> Response:
        end_user = _stored(tenant, external_id=given.get("external_id"), metadata=given.get("metadata", {}))
        key = self._issued(end_user)
        return Response({**shapes.UserSerializer(end_user).data, "api_key": key}, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={201: shapes.IssuedUserKey}, parameters=[TenantQuery])
    def rotate_key(self, request: Request, user_id: str) -> Response:
        """Issue a new key of the end user, shown this once; all that they had before are revoked."""
        tenant = self.tenant_of(self.query(TenantQuery))
        return once(request, tenant, lambda: self._rotated(tenant, user_id), shown_once=("api_key",))

    def _rotated(self, tenant: Tenant, user_id: str) -> Response:
        end_user = one(tenant, user_id, lock=True)
        keys.revoke(ApiKey.objects.for_tenant(tenant).filter(end_user=end_user))
        shown = {"id": end_user.pk, "external_id": end_user.external_id, "api_key": self._issued(end_user)}
        return Response(shapes.IssuedUserKey(shown).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=[TenantQuery], responses={204: None})
    def revoke_keys(self, request: Request, user_id: str) -> Response:
        """Revoke every key of the end user: none opens anything from now on."""
        with self.scope() as tenant:
            keys.revoke(ApiKey.objects.for_tenant(tenant).filter(end_user=one(tenant, user_id, lock=True)))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _issued(self, end_user: EndUser) -> str:
        """A new key of `end_user`, which may do no more than the key that asks for it."""
        scopes = [scope for scope in ordinary_scopes() if scope in self.caller.scopes]
        return keys.issue(end_user.tenant, name=KEY_NAME, end_user=end_user, scopes=scopes)[1]


def one(tenant: Tenant, user_id: str, *, lock: bool = False) -> EndUser:
    """The tenant's end user of this id, with `lock` nobody else's until the transaction ends; Http404 without one."""
    end_user = end_users.found(tenant, user_id)
    if end_user and lock:  # two who change the keys at once would each miss what the other issues
        end_user = EndUser.objects.select_for_update(no_key=True).filter(tenant=tenant, pk=end_user.pk).first()
    if end_user is None:
        raise Http404
    return end_user


def _stored(tenant: Tenant, *, external_id: str | None, metadata: dict[str, Any]) -> EndUser:
    if external_id is not None and end_users.found(tenant, external_id):
        raise UserExists
    try:
        with transaction.atomic():
            end_user = EndUser.objects.create(tenant=tenant, external_id=external_id, metadata=metadata)
    except IntegrityError:
        raise UserExists from None
    end_user.refresh_from_db(fields=["created_at"])
    return end_user
