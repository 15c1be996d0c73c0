"""From rows and Redis to the sums of a day.

Ids are version 7, so what was stored between two moments is a range of the primary key, whatever `created_at` says.
Each range is added once: the moment it ends at is written down with the sums, in the same transaction.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, Sum
from django.db.models.functions import Length

from memories.models import DailyUsage, Fact, Message, Role
from memories.models.usage import ASKED, OF_ROLES, STORED
from memories.usage import asked
from tenants.ids import first_id, made_at
from tenants.isolation import across_tenants
from tenants.models import Tenant

MARGIN = timedelta(minutes=2)  # an id is made before its row is committed, and clocks differ
LOCK = 7_140_001  # of PostgreSQL's advisory locks: one process adds at a time

Sums = dict[UUID, dict[str, int]]


def roll_up(*, now: datetime) -> None:
    """Add what was stored since the last time, a day at a time, and take over what was asked. Twice is once."""
    while _add_next(until=now - MARGIN):
        pass
    _take_over(asked.counts(now=now))


def _add_next(*, until: datetime) -> bool:
    """Add what was stored first and is not counted, of one day; whether there was any."""
    with across_tenants():
        _lock()
        begin = _next_uncounted(until)
        if begin is None:
            return False
        midnight = datetime.combine(begin.date() + timedelta(days=1), time(), UTC)
        end = min(until, midnight)
        _add(begin.date(), _stored(begin, end), counted_to=end)
        return True


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _next_uncounted(until: datetime) -> datetime | None:
    """When the first of the messages and facts that are not counted yet was stored."""
    counted = DailyUsage.objects.exclude(counted_to=None).order_by("-day", "-counted_to").first()
    since = {"pk__gte": first_id(counted.counted_to)} if counted and counted.counted_to else {}
    first = (
        model.objects.filter(**since, pk__lt=first_id(until)).order_by("pk").values_list("pk", flat=True).first()
        for model in (Message, Fact)
    )
    return min((made_at(pk) for pk in first if pk), default=None)


def _stored(begin: datetime, end: datetime) -> Sums:
    """What each tenant stored in a range of ids."""
    of_range = {"pk__gte": first_id(begin), "pk__lt": first_id(end)}
    by_role: dict[str, Any] = {OF_ROLES[role]: Count("pk", filter=Q(role=role)) for role in Role.values}
    messages = Message.objects.filter(**of_range).order_by().values("tenant")
    facts = Fact.objects.filter(**of_range).order_by().values("tenant")
    found: Sums = {}
    rows: list[Any] = [
        *messages.annotate(**by_role, characters=Sum(Length("content"))),
        *facts.annotate(facts=Count("pk")),
    ]
    for row in rows:
        found.setdefault(row.pop("tenant"), {}).update(row)
    return found


def _add(day: date, found: Sums, *, counted_to: datetime) -> None:
    rows = _rows(day, found)
    for row in rows:
        for name, count in found[row.tenant_id].items():
            setattr(row, name, getattr(row, name) + count)
        row.counted_to = counted_to
    _save(rows, (*STORED, "counted_to"))


def _take_over(counts: asked.Counts) -> None:
    """Redis counts a day as a whole; what it lost was written down before, so that the greater number is right."""
    with across_tenants():
        _lock()
        known = set(
            Tenant.objects.filter(pk__in={pk for of_day in counts.values() for pk in of_day}).values_list(
                "pk", flat=True
            )
        )
        for day, of_day in counts.items():
            found = {pk: by_kind for pk, by_kind in of_day.items() if pk in known}
            rows = _rows(day, found)
            for row in rows:
                for kind, name in ASKED.items():
                    setattr(row, name, max(getattr(row, name), found[row.tenant_id].get(kind, 0)))
            _save(rows, ASKED.values())


def _rows(day: date, found: dict[UUID, Any]) -> list[DailyUsage]:
    """The rows of a day, those that are yet to be made included."""
    known = {row.tenant_id: row for row in DailyUsage.objects.filter(day=day, tenant__in=found)} if found else {}
    return [known.get(pk) or DailyUsage(tenant_id=pk, day=day) for pk in found]


def _save(rows: list[DailyUsage], names: Any) -> None:
    for row in rows:
        row.pk = None
    DailyUsage.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["tenant", "day"], update_fields=list(names)
    )
