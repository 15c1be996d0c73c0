"""Plain SQL that requests send again and again, and how PostgreSQL plans it: once a connection, or each time.

Django writes values into the text of a statement, so that each is another one. Here they are sent beside it; what a
connection has seen a few times (`prepare_threshold`) it knows by name from then on, if it is to be planned once. What
is fetched comes in binary.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper
from opentelemetry import trace
from psycopg.pq import Format

from tenants.backend.base import timed
from tenants.databases import reading

tracer = trace.get_tracer(__name__)


class PlannedOnce(ServerBindingCursor):
    """With a span for each statement of what is traced, as those that Django makes have."""

    prepare: bool | None = None  # after `prepare_threshold` times

    def execute(self, query: str, params: Any = None) -> Any:
        with self._span(query) if trace.get_current_span().is_recording() else nullcontext():
            return super().execute(query, params, prepare=self.prepare)  # type: ignore[misc] # the stubs leave it out

    def _span(self, query: str) -> AbstractContextManager[Any]:
        kind, about = trace.SpanKind.CLIENT, {"db.system": "postgresql"}
        return tracer.start_as_current_span(query.split(None, 1)[0], kind=kind, attributes=about)


class PlannedAnew(PlannedOnce):
    prepare = False


def planned_once(database: Any = None) -> AbstractContextManager[CursorWrapper]:
    """A cursor for what is the same plan whatever the values; counted and timed like any other.

    On the `database` of the scope, or another connection.
    """
    return _cursor(PlannedOnce, database or reading())


def planned_anew() -> AbstractContextManager[CursorWrapper]:
    """The same for what is planned for its values, each time: how a search is best done depends on how much there is.

    A plan for any values took four times as long in a tenant of 3,000 messages.
    """
    return _cursor(PlannedAnew, reading())


@contextmanager
def _cursor(kind: type, database: Any) -> Iterator[CursorWrapper]:
    database.ensure_connection()
    raw = timed(kind, database.alias, database.vendor)(database.connection)
    raw.format = Format.BINARY
    with database._prepare_cursor(raw) as cursor:  # noqa: SLF001 - as `cursor()` does
        yield cursor
