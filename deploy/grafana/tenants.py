"""Tenants as a whole: how many, how busy, how often they are refused. Single ones are in the admin, not in metrics."""

from deploy.grafana.board import dashboard
from deploy.grafana.panels import bad_from, lines, stat

RATE = "[$__rate_interval]"
PAGE = "tenants/tenant/"
REFUSED = "sum(rate(rate_limit_hits_total[5m]))"

GLANCE = [
    stat("Tenants", "max(tenants_total)", about="That exist.", page=PAGE),
    stat("At work today", 'max(tenants_active{window="1d"})', about="Stored or asked something (UTC).", page=PAGE),
    stat(
        "Messages of the largest",
        'max(tenant_messages{quantile="1"})',
        about="Of the tenant that has the most, as measured every 15 minutes.",
        page=PAGE,
    ),
    stat(
        "Messages in 24 hours",
        "sum(increase(messages_created_total[1d]))",
        about="Stored, of all tenants.",
        page="memories/message/",
    ),
    stat("Searches in 24 hours", "sum(increase(memory_searches_total[1d]))", about="Answered, of all tenants."),
    stat(
        "Refused by a limit",
        f"({REFUSED} or vector(0)) / sum(rate(http_requests_total[5m]))",
        about="Share of requests that a rate limit refused. A tenant's own limit is on its page in the admin.",
        unit="percentunit",
        steps=bad_from(0.05, 0.2),
        page=PAGE,
    ),
]
TRAFFIC = [
    lines(
        "Messages by role",
        {"{{role}}": f"sum by (role) (rate(messages_created_total{RATE}))"},
        about="Stored a second.",
        unit="ops",
        stacked=True,
    ),
    lines(
        "Refused by whose limit",
        {"{{kind}}": f"sum by (kind) (rate(rate_limit_hits_total{RATE}))"},
        about="Requests a second, refused by the limit of an address, a tenant or a user key.",
        unit="reqps",
        stacked=True,
    ),
]
SIZES = [
    lines(
        "Tenants at work",
        {"in {{window}}": "max by (window) (tenants_active)", "all": "max(tenants_total)"},
        about="Stored or asked something within so many days, today included.",
    ),
    lines(
        "Messages of a tenant",
        {"{{quantile}} of tenants": "max by (quantile) (tenant_messages)"},
        about="At most: of half of the tenants, of nine in ten, of all. Far apart, few tenants have nearly everything.",
    ),
]

BOARD = dashboard(
    "tenants",
    uid="memory-tenants",
    about="All tenants together. What one of them does is on its page in the admin: metrics name none.",
    rows={"At a glance": [GLANCE], "Traffic": [TRAFFIC], "Who uses it": [SIZES]},
)
