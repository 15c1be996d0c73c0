"""`/v1/audit`."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.api import shapes
from tenants.api.base import TenantViewSet, page
from tenants.models import AuditEvent, Scope

FILTERS = ("action", "actor", "object_id", "since", "until")


@extend_schema(tags=["Audit"])
class AuditViewSet(TenantViewSet):
    """Who did what in a tenant. Events are added by what they are about, and never changed."""

    required_scope = Scope.ADMIN

    @extend_schema(parameters=[shapes.AuditQuery], responses=shapes.AuditPage)
    def list(self, request: Request) -> Response:
        """The tenant's events, the newest first."""
        given = self.query(shapes.AuditQuery)
        with self.scope(given) as tenant:
            events = AuditEvent.objects.matching(tenant, **{name: given.get(name) for name in FILTERS})
            shown = events.select_related("tenant")
            rows, next_cursor = page(shown, limit=given["limit"], cursor=given.get("cursor"))
        return Response({"items": shapes.AuditEventSerializer(rows, many=True).data, "next_cursor": next_cursor})
