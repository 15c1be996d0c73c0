"""`/v1/analytics`: the counts that a dashboard needs, out of sums that were made before."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api import analytics_shapes as shapes
from memories.embedding_models import serving
from memories.models import TenantSize
from memories.models.embedding import UNFINISHED
from memories.usage import embedded, figures
from tenants.api.base import TenantViewSet, page
from tenants.api.serializers import TenantQuery
from tenants.api.users import ForApplications
from tenants.isolation import across_tenants
from tenants.models import Tenant

DAYS = 30
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # of times; before, there is nothing to go back to


class ForDeployments(exceptions.PermissionDenied):
    default_detail = "Only a key of the deployment sees all tenants; `/v1/analytics/usage` tells of your own."


@dataclass(frozen=True)
class Row:
    tenant: Tenant
    size: TenantSize | None
    activity: figures.Activity


@extend_schema(tags=["Analytics"])
class AnalyticsViewSet(TenantViewSet):
    """Figures of a tenant, for keys of the tenant and of the deployment."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.caller.end_user_id:
            raise ForApplications

    @extend_schema(parameters=[TenantQuery], responses=shapes.Usage)
    def usage(self, request: Request) -> Response:
        """What the tenant stores, and what it stored, asked and spent, ever and today."""
        with self.scope() as tenant:
            total, today = figures.totals(tenant, today=_today())
            answer = {
                "tenant_id": tenant.slug,
                "size": TenantSize.objects.filter(tenant=tenant).first(),
                "total": total,
                "today": today,
                "counted_to": figures.counted_to(tenant),
            }
        return Response(shapes.Usage(answer).data)

    @extend_schema(parameters=[shapes.TrendQuery], responses=shapes.Trends)
    def trends(self, request: Request) -> Response:
        """The same day by day."""
        given = self.query(shapes.TrendQuery)
        since, until = _range_of_days(given)
        with self.scope(given) as tenant:
            found = figures.by_day(since, until, tenant=tenant)
        rows = [figures.Day(day=day, **vars(of_day)) for day, of_day in found.items()]
        return Response(shapes.Trends({"tenant_id": tenant.slug, "since": since, "until": until, "days": rows}).data)

    @extend_schema(parameters=[shapes.BusiestQuery], responses=shapes.TopConversations)
    def top_conversations(self, request: Request) -> Response:
        """The conversations with most messages in a window of time."""
        given = self.query(shapes.BusiestQuery)
        until = given.get("until") or timezone.now()
        since = given.get("since") or max(until, BEGINNING) - timedelta(days=DAYS)
        with self.scope(given) as tenant:
            found = figures.busiest(tenant, since, until, limit=given["limit"])
        answer = {"tenant_id": tenant.slug, "since": since, "until": until, "items": found.conversations}
        counted = {"counted": found.counted, "is_complete": found.is_complete}
        return Response(shapes.TopConversations(answer | counted).data)

    @extend_schema(parameters=[TenantQuery], responses=shapes.Embeddings)
    def embeddings(self, request: Request) -> Response:
        """How the embedding of the tenant's messages goes."""
        with self.scope() as tenant:
            model = serving(tenant)
            size = TenantSize.objects.filter(tenant=tenant).first()
            counts = embedded.by_model_and_status(tenant, size)
            waiting = [row for row in counts if row["model"] == model and row["status"] in UNFINISHED]
            answer = {
                "tenant_id": tenant.slug,
                "model": model,
                "counts": counts,
                "backlog": sum(row["count"] for row in waiting),
                "oldest_at": min((row["oldest_at"] for row in waiting), default=None),
                "lag_seconds": embedded.lag(tenant, models=[model]),
                "failures": embedded.failures(tenant, model=model),
                "measured_at": size and size.measured_at,
            }
        return Response(shapes.Embeddings(answer).data)

    @extend_schema(parameters=[shapes.TenantsQuery], responses=shapes.TenantsPage)
    def tenants(self, request: Request) -> Response:
        """Every tenant with its figures, for keys of the deployment."""
        if self.caller.tenant:
            raise ForDeployments
        given = self.query(shapes.TenantsQuery)
        with across_tenants():
            oldest_first = {"limit": given["limit"], "cursor": given.get("cursor"), "newest_first": False}
            rows, next_cursor = page(Tenant.objects.all(), **oldest_first)
            items = _with_figures(rows)
        return Response(shapes.TenantsPage({"items": items, "next_cursor": next_cursor}).data)


def _with_figures(tenants: list[Tenant]) -> list[Row]:
    ids, today = [one.pk for one in tenants], _today()
    sizes = TenantSize.objects.in_bulk(ids)
    lately = figures.of_tenants(ids, since=today - timedelta(days=DAYS - 1), today=today)
    return [Row(one, sizes.get(one.pk), lately.get(one.pk, figures.Activity())) for one in tenants]


def _range_of_days(given: dict[str, Any]) -> tuple[date, date]:
    """The first and the last day asked for. Raises ValidationError where they are not in order, or too far apart."""
    until = given.get("until") or _today()
    since = given.get("since") or until - timedelta(days=given.get("days", DAYS) - 1)
    if not 0 <= (until - since).days < shapes.DAYS_MAX:
        message = f"`since` must be `until` or before, and the range at most {shapes.DAYS_MAX} days long."
        raise exceptions.ValidationError({"since": message}, code="bad_range")
    return since, until


def _today() -> date:
    return datetime.now(UTC).date()
