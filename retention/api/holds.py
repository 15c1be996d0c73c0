"""`/v1/retention/holds`: legal holds and pins."""

from typing import Any
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from memories.models import Conversation, Hold, Message
from retention import holds
from retention.api import shapes
from tenants.api.base import TenantViewSet, page
from tenants.api.serializers import PageQuery, TenantQuery
from tenants.idempotency import once
from tenants.models import EndUser, Scope, Tenant


@extend_schema(tags=["Retention"])
class HoldViewSet(TenantViewSet):
    """A legal hold keeps everybody from deleting or archiving; a pin keeps retention from a message."""

    required_scope = Scope.ADMIN
    lookup_url_kwarg = "hold_id"
    lookup_value_converter = "uuid"

    @extend_schema(parameters=[PageQuery], responses=shapes.HoldPage)
    def list(self, request: Request) -> Response:
        """Holds and pins, the newest first."""
        given = self.query(PageQuery)
        with self.scope(given) as tenant:
            rows, next_cursor = page(_shown(tenant), limit=given["limit"], cursor=given.get("cursor"))
        return Response({"items": shapes.HoldSerializer(rows, many=True).data, "next_cursor": next_cursor})

    @extend_schema(
        request=shapes.HoldBody,
        parameters=[TenantQuery],
        responses={200: shapes.HoldSerializer, 201: shapes.HoldSerializer},
    )
    def create(self, request: Request) -> Response:
        """201 with the hold; 200 with the one that stands already."""
        given = self.body(shapes.HoldBody)
        tenant = self.tenant_of_body(given)
        return once(request, tenant, lambda: _placed(tenant, given))

    @extend_schema(parameters=[TenantQuery], responses={204: None})
    def destroy(self, request: Request, hold_id: UUID) -> Response:
        """Release it."""
        with self.scope() as tenant:
            mine = Hold.objects.for_tenant(tenant).select_related("tenant")
            holds.release(get_object_or_404(mine, pk=hold_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _shown(tenant: Tenant) -> Any:
    return Hold.objects.for_tenant(tenant).select_related("tenant", "conversation", "end_user")


def _placed(tenant: Tenant, given: dict[str, Any]) -> Response:
    reason = given.get("reason", "")
    hold, is_new = holds.place(tenant, kind=given["kind"], reason=reason, **_target(tenant, given))
    shown = shapes.HoldSerializer(_shown(tenant).get(pk=hold.pk)).data
    return Response(shown, status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)


def _target(tenant: Tenant, given: dict[str, Any]) -> dict[str, Any]:
    """What the hold is on, as fields of it; Http404 for what is not there."""
    if "message_id" in given:
        return {"message": get_object_or_404(Message.objects.for_tenant(tenant), pk=given["message_id"])}
    if "conversation_id" in given:
        mine = Conversation.objects.for_tenant(tenant)
        return {"conversation": get_object_or_404(mine, external_id=given["conversation_id"])}
    if "user_id" in given:
        end_user = EndUser.objects.known_as(tenant, [given["user_id"]]).first()
        if end_user is None:
            raise Http404
        return {"end_user": end_user}
    return {}
