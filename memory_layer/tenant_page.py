"""A tenant's page: below what can be changed, what it uses, the limits as they apply, its keys and its retention."""

from datetime import UTC, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from memories.facts import spend
from memories.models import TenantSize
from memories.usage import figures
from memories.usage.figures import Figures
from retention.models import Policy
from retention.policies import policy_of
from tenants.admin import TenantAdmin
from tenants.admin_base import TENANT_FILTER, ButtonPage, at, link, list_url, row_url
from tenants.admin_pictures import columns
from tenants.models import ApiKey, Tenant

DAYS = 30
KEYS = 10
POLICY = {
    "max_age_days": "archived after {} days",
    "importance_threshold": "unless as important as {}",
    "max_items": "of more than {:,} messages the least important are archived",
    "max_items_per_conversation": "of more than {:,} in a conversation the least important are archived",
    "delete_after_days": "deleted {} days after that",
}

admin.site.unregister(Tenant)


@admin.register(Tenant)
class TenantPage(TenantAdmin, ButtonPage):
    """What other rooms know of a tenant comes together here."""

    def buttons(self, row: Tenant) -> tuple[str, ...]:
        return ()

    def below(self, request: HttpRequest, row: Tenant) -> dict[str, Any]:
        user = request.user
        return {
            "below": "memory_layer/tenant.html",
            **_usage(row),
            "limits": _limits(row),
            "policy": _policy(row) if user.has_perm("retention.view_policy") else None,
            "keys": _keys(row) if user.has_perm("tenants.view_apikey") else None,
        }


def _usage(tenant: Tenant) -> dict[str, Any]:
    today = timezone.now().astimezone(UTC).date()
    by_day = figures.by_day(today - timedelta(days=DAYS - 1), today, tenant=tenant)
    drawn = [(day.isoformat(), one.messages) for day, one in by_day.items()]
    size = TenantSize.objects.filter(tenant=tenant).first()
    return {
        "days": DAYS,
        "today": _today(by_day[today]),
        "drawn": columns(drawn, title="Messages by day", unit="messages"),
        "size": _size(size) if size else None,
        "measured_at": size and size.measured_at,
    }


def _today(day: Figures) -> list[tuple[str, str]]:
    counted = {"Messages": day.messages, "Searches": day.searches, "Recalls": day.recalls}
    counted |= {"Facts": day.facts, "Tokens": day.tokens}
    return [(label, f"{count:,}") for label, count in counted.items()]


def _size(size: TenantSize) -> list[tuple[str, str]]:
    counted = {"Messages": size.messages, "Archived": size.archived, "Conversations": size.conversations}
    counted |= {"End users": size.end_users, "Facts that hold": size.facts}
    return [*((label, f"{count:,}") for label, count in counted.items()), ("Text", filesizeformat(size.bytes))]


def _limits(tenant: Tenant) -> dict[str, Any]:
    """Each limit as it applies, and whose it is."""
    budget, rate = spend.budget(tenant), tenant.rate_limit or settings.MEMORY_TENANT_RATE_LIMIT
    weights = {**settings.MEMORY_RANKING_WEIGHTS, **(tenant.ranking_weights or {})}
    rows = [
        ["Requests", "no limit" if rate in (None, "0") else rate, _whose(tenant.rate_limit)],
        ["Tokens a day", f"{budget:,}" if budget else "no limit", _whose(tenant.daily_token_budget)],
        ["Language", tenant.get_language_display() or "recognised text by text", _whose(tenant.language or None)],
        [
            "Ranking",
            ", ".join(f"{name} {weight:g}" for name, weight in weights.items()),
            _whose(tenant.ranking_weights),
        ],
    ]
    return {"headers": ["Limit", "Applies", "Set by"], "rows": rows}


def _whose(own: object) -> str:
    return "the settings" if own is None else "the tenant"


def _policy(tenant: Tenant) -> dict[str, Any]:
    policy = policy_of(tenant)
    limits = {name: getattr(policy, name) for name in POLICY}
    said = [POLICY[name].format(limit) for name, limit in limits.items() if limit is not None]
    return {"mode": policy.get_mode_display(), "said": said or ["nothing is retired"], "link": _policy_link(policy)}


def _policy_link(policy: Policy) -> SafeString:
    if policy.pk:
        return link(row_url(policy), "Policy of the tenant")
    return link(reverse("admin:retention_policy_changelist"), "By the settings")


def _keys(tenant: Tenant) -> dict[str, Any]:
    """The latest that open something; with a link to all, where they are rotated and revoked."""
    keys = ApiKey.objects.for_tenant(tenant).usable().filter(end_user=None).order_by("-pk")[:KEYS]
    rows = [
        [
            link(row_url(key), f"{key.prefix}…"),
            key.name,
            ", ".join(key.scopes),
            at(key.last_used_at),
            at(key.expires_at),
        ]
        for key in keys
    ]
    headers = ["Key", "Name", "May", "Last used", "Expires"]
    return {
        "table": {"headers": headers, "rows": rows},
        "all": list_url("tenants_apikey", **{TENANT_FILTER: tenant.pk}),
    }
