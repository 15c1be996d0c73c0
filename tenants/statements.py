"""Plain SQL that requests send again and again: PostgreSQL plans it once a connection, and not each time.

Django writes values into the text of a statement, so that each is another one. Here they are sent beside it, and what a
connection has seen a few times (`prepare_threshold`) it knows by name from then on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper
from opentelemetry import trace
from psycopg.pq import Format

from tenants.backend.base import timed
from tenants.databases import reading

tracer = trace.get_tracer(__name__)


class TracedCursor(ServerBindingCursor):
    """With a span for each statement, as those that Django makes have."""

    def execute(self, query: str, params: Any = None, **options: Any) -> Any:
        kind, about = trace.SpanKind.CLIENT, {"db.system": "postgresql"}
        with tracer.start_as_current_span(query.split(None, 1)[0], kind=kind, attributes=about):
            return super().execute(query, params, **options)  # type: ignore[misc] # the stubs leave it out


@contextmanager
def planned_once(*, is_binary: bool = False) -> Iterator[CursorWrapper]:
    """A cursor on the database of the scope, counted and timed like any other.

    `is_binary`: what it fetches is not written as text, which pays where that is much.
    """
    database: Any = reading()
    database.ensure_connection()
    raw = timed(TracedCursor, database.alias, database.vendor)(database.connection)
    raw.format = Format.BINARY if is_binary else Format.TEXT
    with database._prepare_cursor(raw) as cursor:  # noqa: SLF001 - as `cursor()` does
        yield cursor
