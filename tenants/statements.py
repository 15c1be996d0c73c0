"""Plain SQL that requests send again and again: PostgreSQL plans it once a connection, and not each time.

Django writes values into the text of a statement, so that each is another one. Here they are sent beside it, and what a
connection has seen a few times (`prepare_threshold`) it knows by name from then on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper
from django_prometheus.db.common import ExportingCursorWrapper  # type: ignore[import-untyped]


@contextmanager
def planned_once() -> Iterator[CursorWrapper]:
    """A cursor on the primary, counted and timed like any other."""
    primary: Any = connection
    primary.ensure_connection()
    with primary._prepare_cursor(_cursor()(primary.connection)) as cursor:  # noqa: SLF001 - as `cursor()` does
        yield cursor


@cache
def _cursor() -> Any:
    return ExportingCursorWrapper(ServerBindingCursor, connection.alias, connection.vendor)
