"""`/v1/memory`: search, and what it finds as a block for a prompt."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api import context_shapes, explanation, fact_shapes
from memories.api import serializers as shapes
from memories.context import gather
from memories.embedding_models import provider_for
from memories.search import Query, Result, search
from memories.usage.asked import counted
from tenants.api.base import METADATA_PARAMETER, TenantViewSet, shown, validated, with_metadata_gathered
from tenants.api.serializers import TenantQuery
from tenants.models import Scope, Tenant


@extend_schema(tags=["Search"])
class MemoryViewSet(TenantViewSet):
    """Find messages by meaning and by words."""

    scopes = {"search_by_body": Scope.READ, "context_by_body": Scope.READ}  # a POST only for its JSON

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
        given = self._body_with_metadata(shapes.SearchQuery)
        return self._answer(self.tenant_of_body(given), self.with_own_user(given))

    @extend_schema(
        parameters=[context_shapes.ContextParameters, METADATA_PARAMETER], responses=context_shapes.ContextResponse
    )
    @action(detail=False, methods=["get"])
    def context(self, request: Request) -> Response:
        """The same search as one block for a prompt, of at most `max_tokens`.

        Turns stand in the order they were said, with dates, speakers and numbers that cite `messages`. For an end user,
        facts come first. All is fenced as data: an application should say in its instructions that it is.
        """
        given = self.query(context_shapes.ContextQuery)
        return self._context(self.tenant_of(given), self.with_own_user(given))

    @extend_schema(
        request=context_shapes.ContextQuery,
        responses=context_shapes.ContextResponse,
        parameters=[TenantQuery],
        operation_id="memory_context_post",
    )
    @context.mapping.post
    def context_by_body(self, request: Request) -> Response:
        """The same with the parameters as JSON."""
        given = self._body_with_metadata(context_shapes.ContextQuery)
        return self._context(self.tenant_of_body(given), self.with_own_user(given))

    def _body_with_metadata(self, shape: type[shapes.SearchQuery]) -> dict[str, Any]:
        body = self.request.data
        return validated(shape, with_metadata_gathered(body) if isinstance(body, Mapping) else body)

    def _answer(self, tenant: Tenant, given: dict[str, Any]) -> Response:
        explain = given.pop("explain")
        given.pop("tenant_id", None)
        query = Query(text=given.pop("query"), asked_by=self.caller.end_user_id, **given)
        scope = partial(self.caller.scope, tenant)
        with counted(tenant, "search"):
            result = search(tenant, query, scope=scope, provider=provider_for(tenant), now=timezone.now())
        return Response(_shown(result, query, explain=explain))

    def _context(self, tenant: Tenant, given: dict[str, Any]) -> Response:
        given.pop("tenant_id", None)
        max_tokens, now = given.pop("max_tokens"), timezone.now()
        query = Query(text=given.pop("query"), asked_by=self.caller.end_user_id, **given)
        scope, provider = partial(self.caller.scope, tenant), provider_for(tenant)
        with counted(tenant, "search"):
            found = gather(tenant, query, max_tokens=max_tokens, scope=scope, provider=provider, now=now)
        with scope():
            context = fact_shapes.context_of(found.facts, tenant=tenant, now=now)
        return Response(context_shapes.ContextResponse(found, context=context).data)


def _shown(result: Result, query: Query, *, explain: bool) -> dict[str, Any]:
    items = [shown(shapes.HitSerializer, hit, neighbours=bool(query.neighbours)) for hit in result.hits]
    answer = {"total": len(items), "items": items, "degraded": result.degraded}
    if not explain:
        return answer
    pairs = zip(items, result.hits, strict=True)
    explained = [item | {"explain": explanation.of_hit(hit, weights=result.weights)} for item, hit in pairs]
    return answer | {"items": explained, "explain": explanation.of_query(result)}
