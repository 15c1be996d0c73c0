"""Searches and recalls leave no row: Redis counts them by tenant and day, and keeps how long the latest took.

One round trip after the answer is known. Without Redis nothing is counted, and nothing waits: it is asked again only
after PAUSE. `roll_up` writes the counts down; should Redis lose a day's, what was written down stays.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import redis
import structlog
from django.conf import settings

from memories.models.usage import ASKED
from tenants.models import Tenant

KEPT = 1_000  # of the latest, by kind
DAYS = 8  # that a count waits for a worker
PAUSE = 10.0  # seconds
TIMEOUT = 0.2  # seconds

log = structlog.get_logger(__name__)
Counts = dict[date, dict[UUID, dict[str, int]]]


@dataclass(frozen=True)
class Asked:
    """One search or recall: when it was answered, and the milliseconds that took."""

    at: datetime
    milliseconds: float


class _Redis:
    """The Redis of the settings; while it does not answer, nobody waits for it."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)
        self._silent_until = 0.0

    def run(self, *commands: tuple[Any, ...]) -> list[Any]:
        """The answers to `commands`, sent at once; none without Redis."""
        if time.monotonic() < self._silent_until:
            return []
        try:
            pipeline: Any = self._client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            return list(pipeline.execute())
        except (redis.RedisError, OSError) as error:
            self._silent_until = time.monotonic() + PAUSE
            log.warning("searches_not_counted", error=type(error).__name__)
            return []


@cache
def _redis(url: str) -> _Redis:
    return _Redis(url)


def _run(*commands: tuple[Any, ...]) -> list[Any]:
    return _redis(settings.REDIS_URL).run(*commands) if settings.REDIS_URL else []


@contextmanager
def counted(tenant: Tenant, kind: str) -> Iterator[None]:
    """The body is a search or a recall (`kind`) of the tenant's. One that fails is not counted."""
    started = time.perf_counter()
    yield
    note(tenant, kind, milliseconds=1000 * (time.perf_counter() - started), at=datetime.now(UTC))


def note(tenant: Tenant, kind: str, *, milliseconds: float, at: datetime) -> None:
    day = _day_key(at.date())
    _run(
        ("HINCRBY", day, f"{tenant.pk}:{kind}", 1),
        ("EXPIRE", day, DAYS * 86_400),
        ("LPUSH", _recent_key(kind), f"{at.timestamp():.3f}:{milliseconds:.2f}"),
        ("LTRIM", _recent_key(kind), 0, KEPT - 1),
    )


def latest(kind: str) -> list[Asked]:
    """The latest of all tenants, the newest first; at most KEPT."""
    [lines] = _run(("LRANGE", _recent_key(kind), 0, -1)) or [[]]
    pairs = (line.decode().split(":") for line in lines)
    return [Asked(datetime.fromtimestamp(float(at), UTC), float(took)) for at, took in pairs]


def counts(*, now: datetime) -> Counts:
    """How often each tenant asked, by day and kind, on the days that are still kept."""
    days = _days(now)
    answers = _run(*(("HGETALL", _day_key(day)) for day in days))
    return {day: _by_tenant(fields) for day, fields in zip(days, answers, strict=False)}


def _by_tenant(fields: dict[bytes, bytes]) -> dict[UUID, dict[str, int]]:
    found: dict[UUID, dict[str, int]] = {}
    for field, count in fields.items():
        tenant_id, kind = field.decode().split(":")
        found.setdefault(UUID(tenant_id), {})[kind] = int(count)
    return found


def forget(tenant: Tenant, *, now: datetime) -> None:
    """Delete what is counted of the tenant: its id stands there."""
    fields = [f"{tenant.pk}:{kind}" for kind in ASKED]
    _run(*(("HDEL", _day_key(day), *fields) for day in _days(now)))


def _days(now: datetime) -> list[date]:
    return [now.astimezone(UTC).date() - timedelta(days=ago) for ago in range(DAYS + 1)]


def _day_key(day: date) -> str:
    return f"usage:{day.isoformat()}"


def _recent_key(kind: str) -> str:
    return f"usage:latest:{kind}"
