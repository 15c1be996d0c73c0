"""Policies in the admin: one of a tenant, and what the tenants without one go by."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from retention import runs
from retention.admin.runs import done_text, state_label
from retention.models import Policy, Run
from tenants.admin import links_to
from tenants.admin_base import (
    TENANT_FILTER,
    AutocompleteSelectFilter,
    ButtonPage,
    ChoicesDropdownFilter,
    at,
    display,
    link,
    list_url,
    row_url,
)
from tenants.models import Tenant

PLANNED_AT_ONCE = 20
LAST_RUNS = 5
NAMED = 20
RELATED = {
    "retention_rule": "Rules",
    "retention_run": "Runs",
    "memories_hold": "Holds",
    "retention_coldfile": "Cold storage",
}


@admin.register(Policy)
class PolicyAdmin(ButtonPage):
    list_display = (
        "tenant",
        "mode_label",
        "max_age_days",
        "importance_threshold",
        "max_items",
        "max_items_per_conversation",
        "delete_after_days",
        "updated_at",
    )
    list_display_links = ("tenant",)
    list_filter = (("tenant", AutocompleteSelectFilter), ("mode", ChoicesDropdownFilter))
    list_select_related = ("tenant",)
    list_before_template = "retention/admin/defaults.html"
    autocomplete_fields = ("tenant",)
    actions = ("plan_now",)
    LIMITS = ("max_age_days", "importance_threshold", "max_items", "max_items_per_conversation")
    fieldsets = (
        (
            None,
            {
                "fields": ("tenant", "mode"),
                "description": "A tenant whose policy is deleted goes by the settings, which are enforced.",
            },
        ),
        (
            "What is archived",
            {
                "fields": LIMITS,
                "description": "Archived messages are hidden from search and can be restored. Rules decide first. "
                "A limit that is empty does not apply; with both age and importance given, both must be crossed.",
            },
        ),
        ("What is deleted", {"fields": ("delete_after_days",)}),
    )

    @display(description="Mode", label={"Dry run": "info", "Enforce": "warning"})
    def mode_label(self, policy: Policy) -> str:
        return policy.get_mode_display()

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("tenant",) if obj else ()

    def has_plan_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("retention.add_run")

    @admin.action(description="Plan now", permissions=["plan"])
    def plan_now(self, request: HttpRequest, queryset: QuerySet[Policy]) -> HttpResponse | None:
        if self.too_many(request, queryset, PLANNED_AT_ONCE):
            return None
        policies = queryset.select_related("tenant")
        planned = [runs.begin(one.tenant, trigger=Run.Trigger.ADMIN, dry_run=True) for one in policies]
        self.message_user(request, f"Dry runs made: {len(planned)}. Nothing was changed.", messages.SUCCESS)
        return redirect(row_url(planned[0]) if len(planned) == 1 else list_url("retention_run", dry_run__exact=1))

    def below(self, request: HttpRequest, row: Policy) -> dict[str, Any]:
        mine = {TENANT_FILTER: row.tenant_id}
        return {
            "below": "retention/admin/policy.html",
            "links": links_to(RELATED, **mine),
            "runs": _table(Run.objects.for_tenant(row.tenant).defer("planned", "sample").order_by("-id")[:LAST_RUNS]),
        }

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **_defaults()})
        return response


def _table(found: QuerySet[Run]) -> dict[str, Any]:
    headers = ["Run", "State", "Planned", "Done"]
    rows = [
        [
            link(row_url(run), f"{at(run.created_at)} {'dry run' if run.dry_run else 'for real'}"),
            state_label(run),
            f"{run.total:,}",
            done_text(run) or "-",
        ]
        for run in found
    ]
    return {"headers": headers, "rows": rows}


def _defaults() -> dict[str, Any]:
    """What the note in the list says of tenants without a policy; the first NAMED of them lead to a form for one."""
    without = Tenant.objects.filter(retention_policy=None)
    return {
        "max_age_days": settings.MEMORY_RETENTION_MAX_AGE_DAYS,
        "importance_threshold": settings.MEMORY_RETENTION_IMPORTANCE_THRESHOLD,
        "delete_after_days": settings.MEMORY_RETENTION_DELETE_AFTER_DAYS,
        "scheduled": settings.MEMORY_RETENTION_TENANTS,
        "without_count": without.count(),
        "without": without.order_by("slug")[:NAMED],
    }
