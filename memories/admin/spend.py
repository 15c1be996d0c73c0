"""Tokens that language models took, in the admin: by tenant, day and model, and drawn against the budgets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import F, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateFilter

from memories.facts import spend
from memories.models import TokenSpend
from tenants.admin import Shown
from tenants.admin_base import TENANT_FILTER, AutocompleteSelectFilter, FieldTextFilter, display
from tenants.admin_pictures import Columns, columns
from tenants.ids import as_uuid
from tenants.models import Tenant

DAYS = 30
DRAWN = 5
TOKENS = F("input_tokens") + F("output_tokens")


@dataclass(frozen=True)
class Chart:
    """A tenant's days."""

    tenant: Tenant
    total: str
    budget: str
    drawn: Columns


@admin.register(TokenSpend)
class TokenSpendAdmin(Shown):
    """Counted by the calls themselves; above the list its sums, and the last month of those who took most."""

    list_display = ("on", "tenant", "model", "calls_made", "tokens_in", "tokens_out", "tokens", "dollars")
    list_filter = (("tenant", AutocompleteSelectFilter), ("model", FieldTextFilter), ("day", RangeDateFilter))
    list_select_related = ("tenant",)
    list_before_template = "memories/admin/spend.html"
    ordering = ("-day", "-id")
    sortable_by = ()
    fields = (("tenant", "on", "model"), ("calls_made", "tokens", "dollars"), ("tokens_in", "tokens_out"))

    @display(description="Day")
    def on(self, row: TokenSpend) -> str:
        return row.day.isoformat()

    @display(description="Calls")
    def calls_made(self, row: TokenSpend) -> str:
        return f"{row.calls:,}"

    @display(description="Tokens in")
    def tokens_in(self, row: TokenSpend) -> str:
        return f"{row.input_tokens:,}"

    @display(description="Tokens out")
    def tokens_out(self, row: TokenSpend) -> str:
        return f"{row.output_tokens:,}"

    @display(description="Tokens")
    def tokens(self, row: TokenSpend) -> str:
        return f"{row.input_tokens + row.output_tokens:,}"

    @display(description="Cost (USD)")
    def dollars(self, row: TokenSpend) -> str | None:
        return None if row.cost is None else f"{row.cost:,.4f}"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        charts = {"charts": _charts(request.GET.get(TENANT_FILTER)), "days": DAYS}
        response = super().changelist_view(request, {**(extra_context or {}), **charts})
        if "cl" in (getattr(response, "context_data", None) or {}):
            response.context_data["sums"] = _sums(response.context_data["cl"].queryset)
        found: HttpResponse = response
        return found


def _sums(rows: QuerySet[TokenSpend]) -> list[tuple[str, str]]:
    """Over all that the filters find, on whatever page."""
    summed = rows.order_by().aggregate(
        calls=Sum("calls"), tokens_in=Sum("input_tokens"), tokens_out=Sum("output_tokens"), cost=Sum("cost")
    )
    counted = {"Calls": "calls", "Tokens in": "tokens_in", "Tokens out": "tokens_out"}
    cost = "not known" if summed["cost"] is None else f"{summed['cost']:,.4f}"
    return [*((label, f"{summed[name] or 0:,}") for label, name in counted.items()), ("Cost (USD)", cost)]


def _charts(tenant_id: str | None) -> list[Chart]:
    """The last DAYS days of the tenant that the list is filtered by, or of the DRAWN that took most in them."""
    today = timezone.now().astimezone(UTC).date()
    recent = TokenSpend.objects.filter(day__gt=today - timedelta(days=DAYS), day__lte=today).order_by()
    if tenant_id:
        recent = recent.filter(tenant=as_uuid(tenant_id))
    most = recent.values("tenant").annotate(n=Sum(TOKENS)).order_by("-n", "tenant")[:DRAWN]
    tenants = Tenant.objects.in_bulk([one["tenant"] for one in most])
    taken: dict[UUID, dict[date, int]] = {pk: {} for pk in (one["tenant"] for one in most)}
    for row in recent.filter(tenant__in=tenants).values("tenant", "day").annotate(n=Sum(TOKENS)):
        taken[row["tenant"]][row["day"]] = row["n"]
    return [_chart(tenants[pk], by_day, today=today) for pk, by_day in taken.items()]


def _chart(tenant: Tenant, by_day: Mapping[date, int], *, today: date) -> Chart:
    budget = spend.budget(tenant)
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    taken = [(day.isoformat(), by_day.get(day, 0)) for day in days]
    return Chart(
        tenant=tenant,
        total=f"{sum(by_day.values()):,}",
        budget=f"{budget:,}" if budget else "",
        drawn=columns(taken, title="Tokens by day", unit="tokens", limit=budget),
    )
