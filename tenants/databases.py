"""Which database a read goes to: the primary, or a replica of it.

Only the scope of a tenant moves (`tenants.isolation`), and only in a call that changes nothing (`tenants.replicas`).
What is written, and what is read outside of such a scope, keys and tenants among it, stays on the primary.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

_read_from: ContextVar[str] = ContextVar("read_from", default=DEFAULT_DB_ALIAS)


def reading() -> BaseDatabaseWrapper:
    """The connection that plain SQL of a read runs on."""
    return connections[_read_from.get()]


@contextmanager
def reading_from(alias: str) -> Iterator[None]:
    """Have all reads go to the database of this alias."""
    before = _read_from.set(alias)
    try:
        yield
    finally:
        _read_from.reset(before)


class Router:
    """Django's question, answered: what is read where `reading` says, all else on the primary."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return _read_from.get()

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True  # they are the same rows, wherever they were read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS
