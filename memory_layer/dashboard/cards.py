"""The cards below: each is for those who may see the list that it summarises, and leads there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Max, Sum
from django.urls import reverse

from memories.models import DailyUsage, EmbeddingStatus, JobStatus
from memories.models.usage import ASKS, MESSAGES
from memories.usage import embedded
from memory_layer.dashboard.moment import DAYS, Moment
from retention.forecast import HORIZONS
from retention.models import Action, Forecast
from tenants.admin_base import at, link, list_url, row_url
from tenants.admin_pictures import Bar, bars, columns
from tenants.models import Tenant

WEEK = 7
LISTED = 5
LIMITS = (10, 25, 50, 100, 250, 500, 1000)  # milliseconds, of the bars of searches


@dataclass(frozen=True)
class Card:
    """`template` draws `shown`; `has_data`: there is something to show."""

    name: str
    title: str
    template: str
    url: str
    link: str
    has_data: bool
    shown: Mapping[str, Any] = field(default_factory=dict)


def for_operator(user: Any, moment: Moment) -> list[Card]:
    return [make(moment) for permission, make in CARDS if user.has_perm(permission)]


def _messages(moment: Moment) -> Card:
    by_day = [(day.isoformat(), one.messages) for day, one in moment.days.items()]
    total, today = sum(count for _, count in by_day), moment.days[moment.today].messages
    return Card(
        "messages",
        "Messages a day",
        "columns",
        reverse("admin:memories_message_changelist"),
        "All messages",
        bool(total),
        {
            "sums": [("Today", f"{today:,}"), (f"Last {DAYS} days", f"{total:,}")],
            "drawn": columns(by_day, title="Messages by day", unit="messages"),
        },
    )


def _embedding(moment: Moment) -> Card:
    models = moment.models
    lag, failed = embedded.lag(None, models=models), embedded.failed(models=models)
    waits = [("Waited, half of them", seconds(lag["p50"])), ("Waited, 95 of 100", seconds(lag["p95"]))]
    failed_url = list_url("memories_messageembedding", status__exact=EmbeddingStatus.FAILED)
    return Card(
        "embedding",
        "From stored to found",
        "embedding",
        reverse("admin:memories_messageembedding_changelist"),
        "All embeddings",
        lag["p50"] is not None or bool(failed),
        {
            "model": ", ".join(models),
            "sums": waits,
            "failed": failed,
            "failed_url": failed_url,
            "looked_at": embedded.LOOKED_AT,
        },
    )


def seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f} s"


def _searches(moment: Moment) -> Card:
    took = [one.milliseconds for one in moment.searches]
    found = embedded.percentiles(took)
    day = moment.days[moment.today]
    sums = [("Median", milliseconds(found["p50"])), ("95 of 100", milliseconds(found["p95"]))]
    sums.append(("Counted today", f"{day.searches:,} and {day.recalls:,} recalls"))
    return Card(
        "search",
        "How long searches took",
        "searches",
        reverse("admin:tenants_tenant_changelist"),
        "By tenant",
        bool(took),
        {"sums": sums, "bars": _distribution(took), "count": len(took)},
    )


def milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"


def _distribution(took: list[float]) -> list[Bar]:
    starts = (0, *LIMITS)
    counts = [sum(low <= one < high for one in took) for low, high in zip(starts, (*LIMITS, float("inf")), strict=True)]
    labels = [f"{low} to {high} ms" for low, high in zip(starts, LIMITS, strict=False)] + [f"{LIMITS[-1]} ms and more"]
    return bars(list(zip(labels, counts, strict=True)), action="search")


def _forecast(_: Moment) -> Card:
    rows = Forecast.objects.order_by().values("days", "action").annotate(n=Sum("count"), made=Max("made_at"))
    found = {(row["days"], row["action"]): row["n"] for row in rows}
    table = [[action.label, *(f"{found.get((days, action), 0):,}" for days in HORIZONS)] for action in Action]
    return Card(
        "forecast",
        "What retention is going to do",
        "forecast",
        reverse("admin:retention_policy_changelist"),
        "Policies",
        bool(found),
        {
            "table": {"headers": ["Messages to", *(f"within {days} days" for days in HORIZONS)], "rows": table},
            "made_at": max((row["made"] for row in rows), default=None),
        },
    )


def _facts(moment: Moment) -> Card:
    by_day = [(day.isoformat(), one.facts) for day, one in moment.days.items()]
    total = sum(count for _, count in by_day)
    return Card(
        "facts",
        "Facts a day",
        "columns",
        reverse("admin:memories_fact_changelist"),
        "All facts",
        bool(total),
        {
            "sums": [("Today", f"{by_day[-1][1]:,}"), (f"Last {DAYS} days", f"{total:,}")],
            "drawn": columns(by_day, title="Facts by day", unit="facts"),
        },
    )


def _spend(moment: Moment) -> Card:
    by_day = [(day.isoformat(), one.tokens) for day, one in moment.days.items()]
    costs = [one.cost for one in moment.days.values() if one.cost is not None]
    total = sum(count for _, count in by_day)
    cost = f"${sum(costs):,.2f}" if costs else "not known" if total else "$0.00"
    return Card(
        "spend",
        "Tokens of language models a day",
        "columns",
        reverse("admin:memories_tokenspend_changelist"),
        "Token spend",
        bool(total),
        {
            "sums": [("Today", f"{by_day[-1][1]:,}"), (f"Last {DAYS} days", f"{total:,}"), ("Cost", cost)],
            "drawn": columns(by_day, title="Tokens by day", unit="tokens"),
        },
    )


def _failing(moment: Moment) -> Card:
    rows = [
        [link(row_url(job), job.get_kind_display()), job.tenant, at(job.finished_at or job.created_at), job.error[:120]]
        for job in moment.failed_jobs[:LISTED]
    ]
    return Card(
        "jobs",
        "Jobs that failed",
        "table",
        list_url("memories_job", status__exact=JobStatus.FAILED),
        "All that failed",
        bool(rows),
        {"table": {"headers": ["Job", "Tenant", "Failed", "Error"], "rows": rows}, "empty": "No job has failed."},
    )


def _tenants(moment: Moment) -> Card:
    week = DailyUsage.objects.filter(day__gt=moment.today - timedelta(days=WEEK)).order_by()
    sums = week.values("tenant", "tenant__slug").annotate(n=Sum(MESSAGES), asks=Sum(ASKS))
    busiest = list(sums.order_by("-n", "-asks", "tenant")[: 2 * LISTED])
    urls = [row_url(Tenant(pk=row["tenant"])) for row in busiest]
    drawn = bars([(row["tenant__slug"], row["n"]) for row in busiest], action="messages", urls=urls)
    asks = sum(row["asks"] for row in busiest)
    return Card(
        "tenants",
        f"Tenants by messages of {WEEK} days",
        "bars",
        reverse("admin:tenants_tenant_changelist"),
        "All tenants",
        bool(drawn),
        {"bars": drawn, "note": f"They asked {asks:,} times.", "empty": "Nobody has stored anything."},
    )


CARDS: tuple[tuple[str, Callable[[Moment], Card]], ...] = (
    ("memories.view_message", _messages),
    ("tenants.view_tenant", _tenants),
    ("tenants.view_tenant", _searches),
    ("memories.view_messageembedding", _embedding),
    ("retention.view_policy", _forecast),
    ("memories.view_job", _failing),
    ("memories.view_fact", _facts),
    ("memories.view_tokenspend", _spend),
)
