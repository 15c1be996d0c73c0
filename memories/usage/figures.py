"""What dashboards show of tenants, out of what was counted before: a few indexed rows a day, whatever is stored."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Max, Q, Sum

from memories.models import Conversation, DailyUsage, TokenSpend
from memories.models.usage import ASKS, COUNTED, MESSAGES, OF_ROLES
from tenants.databases import reading
from tenants.models import Tenant

COUNTED_AT_MOST = 100_000  # messages of a window, when conversations are compared
SPENT = {"llm_calls": "calls", "input_tokens": "input_tokens", "output_tokens": "output_tokens", "cost": "cost"}
BUSIEST = """
SELECT conversation_id, count(*)::int, max(created_at), (sum(count(*)) OVER ())::int
FROM (
    SELECT conversation_id, created_at FROM memories_message
    WHERE tenant_id = %s AND created_at >= %s AND created_at < %s
    ORDER BY created_at DESC, id DESC LIMIT %s
) AS newest
GROUP BY conversation_id ORDER BY 2 DESC, 3 DESC, 1 LIMIT %s
"""


@dataclass(frozen=True)
class Figures:
    """What was stored and asked, and what language models took for it; `cost` in US dollars, None where not known."""

    user_messages: int = 0
    assistant_messages: int = 0
    system_messages: int = 0
    tool_messages: int = 0
    characters: int = 0
    facts: int = 0
    searches: int = 0
    recalls: int = 0
    llm_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal | None = None

    @property
    def messages(self) -> int:
        return sum(self.messages_by_role.values())

    @property
    def messages_by_role(self) -> dict[str, int]:
        return {role: getattr(self, name) for role, name in OF_ROLES.items()}

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, kw_only=True)
class Day(Figures):
    day: date


@dataclass(frozen=True)
class Busy:
    """A conversation of a window: how many of its messages are of it, and when the last one was."""

    conversation: Conversation
    messages: int
    last_message_at: datetime


@dataclass(frozen=True)
class Busiest:
    """`counted`: among how many messages; `is_complete`: there were no more in the window."""

    conversations: list[Busy]
    counted: int

    @property
    def is_complete(self) -> bool:
        return self.counted < COUNTED_AT_MOST


@dataclass(frozen=True)
class Activity:
    """Messages that a tenant stored today and lately, and its searches and recalls lately."""

    today: int = 0
    lately: int = 0
    asked: int = 0


def totals(tenant: Tenant, *, today: date) -> tuple[Figures, Figures]:
    """All that was ever counted of the tenant, and what was today; in its scope."""
    stored = DailyUsage.objects.for_tenant(tenant).aggregate(**_sums(dict(zip(COUNTED, COUNTED, strict=True)), today))
    spent = TokenSpend.objects.filter(tenant=tenant).order_by().aggregate(**_sums(SPENT, today))
    found = {**stored, **spent}
    return _figures(found, "_ever"), _figures(found, "_today")


def _sums(names: dict[str, str], today: date) -> dict[str, Any]:
    """Each column summed over all days and over today; without any row None, which a cost that is not known is too."""
    ever = {f"{name}_ever": Sum(column) for name, column in names.items()}
    return ever | {f"{name}_today": Sum(column, filter=Q(day=today)) for name, column in names.items()}


def _figures(found: dict[str, Any], suffix: str) -> Figures:
    given = {name: found[f"{name}{suffix}"] for name in (*COUNTED, *SPENT)}
    return Figures(**{name: value for name, value in given.items() if value is not None})


def counted_to(tenant: Tenant) -> datetime | None:
    """What the tenant stored before is counted; None while nothing is."""
    found: datetime | None = DailyUsage.objects.for_tenant(tenant).aggregate(at=Max("counted_to"))["at"]
    return found


def by_day(since: date, until: date, *, tenant: Tenant | None = None) -> dict[date, Figures]:
    """Each day of the range, both ends included, of a tenant or of all; days without anything are zeros."""
    of_range: dict[str, Any] = {"day__gte": since, "day__lte": until} | ({"tenant": tenant} if tenant else {})
    stored = _daily(DailyUsage.objects.filter(**of_range), dict(zip(COUNTED, COUNTED, strict=True)))
    spent = _daily(TokenSpend.objects.filter(**of_range), SPENT)
    return {
        day: _figures(dict.fromkeys((*COUNTED, *SPENT)) | stored.get(day, {}) | spent.get(day, {}), "")
        for day in days(since, until)
    }


def _daily(rows: Any, names: dict[str, str]) -> dict[date, dict[str, Any]]:
    summed = rows.order_by().values("day").annotate(**{f"{name}_sum": Sum(column) for name, column in names.items()})
    return {row["day"]: {name: row[f"{name}_sum"] for name in names} for row in summed}


def days(since: date, until: date) -> Iterator[date]:
    return (since + timedelta(days=ahead) for ahead in range((until - since).days + 1))


def busiest(tenant: Tenant, since: datetime, until: datetime, *, limit: int) -> Busiest:
    """The conversations with most messages of the window, among its newest COUNTED_AT_MOST; in the tenant's scope."""
    with reading().cursor() as cursor:
        cursor.execute(BUSIEST, [tenant.pk, since, until, COUNTED_AT_MOST, limit])
        rows = cursor.fetchall()
    known = Conversation.objects.for_tenant(tenant).in_bulk([row[0] for row in rows])
    shown = [Busy(known[pk], messages, last) for pk, messages, last, _ in rows if pk in known]
    return Busiest(shown, counted=rows[0][3] if rows else 0)


def of_tenants(tenants: Iterable[UUID], *, since: date, today: date) -> dict[UUID, Activity]:
    """What these tenants did lately; those that did nothing are left out. Across tenants."""
    recent = DailyUsage.objects.filter(tenant__in=tenants, day__gte=since).order_by().values("tenant")
    summed = recent.annotate(today=Sum(MESSAGES, filter=Q(day=today), default=0), lately=Sum(MESSAGES), asked=Sum(ASKS))
    return {row["tenant"]: Activity(row["today"], row["lately"], row["asked"]) for row in summed}
