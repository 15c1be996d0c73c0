"""Read replicas: which one a call reads from, and what becomes of one that fails.

A call that only reads is offered a replica, in turn. If that one does not answer, fails midway or has not replayed what
its tenant wrote, the primary answers instead: a replica can speed a read up, and never costs one.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

import prometheus_client
import structlog
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from psycopg import errors

DOWN_SECONDS = 5.0  # that a lost replica is left alone; then one call tries whether it is back
LOST = ("08", "53", "57")  # classes of SQLSTATE: connection, resources, intervention of an operator

log = structlog.get_logger(__name__)
reads = prometheus_client.Counter(
    "database_replica_reads_total", "Reads that a replica was to answer, and how that went.", ["replica", "outcome"]
)
up = prometheus_client.Gauge(
    "database_replica_up", "Whether a replica is asked at all.", ["replica"], multiprocess_mode="livemin"
)
P = ParamSpec("P")
R = TypeVar("R")

_offered: ContextVar[str | None] = ContextVar("offered_replica", default=None)
_turns = itertools.count()
_down_until: dict[str, float] = {}


class Behind(Exception):
    """The replica has not replayed yet what the tenant wrote."""


class Lost(Exception):
    """The replica failed; the primary may be asked."""


def offered() -> str | None:
    """The alias of the replica that the call at hand may read from."""
    return _offered.get()


def from_replica(read: Callable[P, R]) -> Callable[P, R]:
    """`read`, which changes nothing, from a replica if one can be had; once more from the primary if that fails."""

    @wraps(read)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        before = _offered.set(chosen())
        try:
            return read(*args, **kwargs)
        except Lost:
            _offered.set(None)
            return read(*args, **kwargs)
        finally:
            _offered.reset(before)

    return call


def chosen() -> str | None:
    """The alias of the replica whose turn it is, of those that are not down."""
    aliases = [alias for alias in connections if alias != DEFAULT_DB_ALIAS]
    standing = [alias for alias in aliases if _down_until.get(alias, 0.0) < time.monotonic()]
    if not standing:
        return None
    alias = standing[next(_turns) % len(standing)]
    if alias in _down_until:
        _down_until[alias] = time.monotonic() + DOWN_SECONDS  # one call tries, the others wait for what comes of it
    return alias


@contextmanager
def asked(alias: str) -> Iterator[None]:
    """A transaction on the replica. Raises Behind and Lost; what exceeds the deadline, the primary is not asked."""
    try:
        yield
    except Behind:
        _count(alias, "behind")
        raise
    except (OperationalError, InterfaceError) as error:
        if isinstance(error.__cause__, errors.QueryCanceled):
            raise
        _count(alias, "lost")
        if _is_gone(error):
            _leave_alone(alias, error)
        raise Lost from error
    _count(alias, "read")


def _is_gone(error: Exception) -> bool:
    """Else it took back a statement alone, as where replaying needed rows away that it was reading."""
    state: str | None = getattr(error.__cause__, "sqlstate", None)
    return state is None or state[:2] in LOST


def _leave_alone(alias: str, error: Exception) -> None:
    _down_until[alias] = time.monotonic() + DOWN_SECONDS
    up.labels(alias).set(0)
    log.warning("replica_lost", replica=alias, error=type(error).__name__)


def _count(alias: str, outcome: str) -> None:
    reads.labels(alias, outcome).inc()
    if outcome != "lost":
        _down_until.pop(alias, None)
        up.labels(alias).set(1)
