"""How far the primary's log had come when a tenant was last written to: what a replica must have replayed of it.

Positions are bytes since the beginning of the log. Redis keeps them, the greatest one of each tenant, because every
process must know them. One that is not known stands for any: a Redis that was emptied costs replicas their reads for a
moment, and shows nobody the past.
"""

import time
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction

KEY = "replicas:positions"
PAUSE = 1.0  # seconds that a Redis which does not answer is left alone
TIMEOUT = 0.2  # seconds

log = structlog.get_logger(__name__)


class Positions:
    """Those in the Redis at `url`.

    A position that could not be written down leaves an older one standing, should that Redis have lost nothing:
    before it is believed again, all are deleted.
    """

    def __init__(self, url: str) -> None:
        self._client: Any = redis.Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)
        self._silent_until = 0.0
        self._missed = False

    def of(self, tenant_id: UUID) -> int | None:
        found = self._run("ZSCORE", KEY, str(tenant_id))
        return None if found is None else int(float(found))

    def raise_to(self, position: int, tenants: set[UUID]) -> None:
        """A position never falls: of two writers the later one may be the first to say so."""
        pairs = [part for tenant_id in tenants for part in (position, str(tenant_id))]
        self._missed |= self._run("ZADD", KEY, "GT", *pairs) is None

    def forget(self, tenants: set[UUID]) -> None:
        self._missed |= self._run("ZREM", KEY, *map(str, tenants)) is None

    def _run(self, *command: Any) -> Any:
        """The answer; None without Redis."""
        if time.monotonic() < self._silent_until:
            return None
        try:
            if self._missed:
                self._client.delete(KEY)
                self._missed = False
            return self._client.execute_command(*command)
        except (redis.RedisError, OSError) as error:
            self._silent_until = time.monotonic() + PAUSE
            log.warning("positions_unknown", error=type(error).__name__)
            return None


@cache
def _positions(url: str) -> Positions:
    return Positions(url)


def needed(tenant_id: UUID) -> int | None:
    """What a replica must have replayed to show the tenant as it is; None if that is not known."""
    return _positions(settings.REDIS_URL).of(tenant_id) if settings.REDIS_URL else None


def note_after_commit(tenant_id: UUID) -> None:
    """The transaction writes to the tenant; or it reads at the primary what is not known, and then it is."""
    if settings.MEMORY_READ_REPLICA_URLS and settings.REDIS_URL:
        vars(connection).setdefault("written_tenants", set()).add(tenant_id)
        transaction.on_commit(_note, robust=True)  # what is committed has succeeded, whatever becomes of the note


def _note() -> None:
    """Once a transaction, however many hooks it has; of one that was rolled back too, which does no harm."""
    if tenants := vars(connection).pop("written_tenants", set()):
        try:
            _positions(settings.REDIS_URL).raise_to(_of_primary(), tenants)
        except DatabaseError:
            _positions(settings.REDIS_URL).forget(tenants)


def _of_primary() -> int:
    """Behind everything that is committed by now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
        position: Decimal = cursor.fetchone()[0]
    return int(position)
