"""`/v1/memory`: search."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api import serializers as shapes
from memories.providers import embedding_provider
from memories.search import Query, Result, search, understand
from tenants.api.base import METADATA_PARAMETER, TenantViewSet, validated, with_metadata_gathered
from tenants.api.serializers import TenantQuery
from tenants.models import Scope, Tenant


@extend_schema(tags=["Search"])
class MemoryViewSet(TenantViewSet):
    """Find messages by meaning and by words."""

    scopes = {"search_by_body": Scope.READ}  # a POST only for its JSON

    @extend_schema(parameters=[shapes.SearchParameters, METADATA_PARAMETER], responses=shapes.SearchResponse)
    @action(detail=False, methods=["get"])
    def search(self, request: Request) -> Response:
        """The best messages for a query, best first. `metadata.KEY=VALUE` filters by metadata."""
        given = self.query(shapes.SearchQuery)
        return self._answer(self.tenant_of(given), self.with_own_user(given))

    @extend_schema(
        request=shapes.SearchQuery,
        responses=shapes.SearchResponse,
        parameters=[TenantQuery],
        operation_id="memory_search_post",
    )
    @search.mapping.post
    def search_by_body(self, request: Request) -> Response:
        """The same with the parameters as JSON."""
        body = with_metadata_gathered(request.data) if isinstance(request.data, Mapping) else request.data
        given = validated(shapes.SearchQuery, body)
        return self._answer(self.tenant_of_body(given), self.with_own_user(given))

    def _answer(self, tenant: Tenant, given: dict[str, Any]) -> Response:
        explain = given.pop("explain")
        given.pop("tenant_id", None)
        query = Query(text=given.pop("query"), **given)
        meant = understand(query, provider=embedding_provider())
        with self.caller.scope(tenant):
            result = search(tenant, meant, now=timezone.now())
        return Response(_shown(result, query, explain=explain))


def _shown(result: Result, query: Query, *, explain: bool) -> dict[str, Any]:
    omit = {"explain": not explain, "before": not query.neighbours, "after": not query.neighbours}
    context = {"weights": result.weights, "omit": [name for name, absent in omit.items() if absent]}
    items = shapes.HitSerializer(result.hits, many=True, context=context).data
    return {"total": len(items), "items": items, "degraded": result.degraded}
