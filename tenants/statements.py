"""Plain SQL that requests send again and again, and how PostgreSQL plans it: once a connection, or for its values.

Django writes values into the text of a statement, so that each is another one. Sent beside it they leave it the same;
what a connection has seen a few times (`prepare_threshold`) it knows by name from then on, and the scopes have it
planned once (`tenants.isolation.ENTER`): left alone, PostgreSQL plans most of ours anew. Results come in binary.
"""

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper
from opentelemetry import trace
from psycopg.pq import Format
from psycopg.sql import Literal

from tenants.backend.base import timed
from tenants.databases import reading

tracer = trace.get_tracer(__name__)


class PlannedOnce(ServerBindingCursor):
    """With a span for each statement of what is traced, as those that Django makes have."""

    def execute(self, query: str, params: Any = None) -> Any:
        with self._span(query) if trace.get_current_span().is_recording() else nullcontext():
            return super().execute(query, params)  # type: ignore[misc] # the stubs leave it out

    def _span(self, query: str) -> AbstractContextManager[Any]:
        kind, about = trace.SpanKind.CLIENT, {"db.system": "postgresql"}
        return tracer.start_as_current_span(query.split(None, 1)[0], kind=kind, attributes=about)


class PlannedForValues(PlannedOnce):
    """Writes named values into the text, but for those `beside` it."""

    connection: Any
    beside: Collection[str] = ()

    def execute(self, query: str, params: Any = None) -> Any:
        sent = {name: value for name, value in params.items() if name in self.beside}
        text = {name: f"%({name})s" if name in sent else self._literal(value) for name, value in params.items()}
        return super().execute(query.replace("%%", "%%%%") % text, sent)

    def _literal(self, value: Any) -> str:
        return Literal(value).as_string(self.connection).replace("%", "%%")


def planned_once(database: Any = None) -> AbstractContextManager[CursorWrapper]:
    """A cursor for what is the same plan whatever the values; counted and timed like any other.

    On the `database` of the scope, or another connection.
    """
    return _cursor(PlannedOnce, database or reading())


def planned_for_values(*, beside: Collection[str] = ()) -> AbstractContextManager[CursorWrapper]:
    """A cursor for what is planned for its values, since how it is best done depends on how much there is of them.

    It takes named values; those `beside` the text are of no account for the plan, so that the same text with others of
    these is planned once.
    """
    return _cursor(PlannedForValues, reading(), beside=beside)


@contextmanager
def _cursor(kind: type, database: Any, **attributes: Any) -> Iterator[CursorWrapper]:
    database.ensure_connection()
    raw = timed(kind, database.alias, database.vendor)(database.connection)
    raw.format = Format.BINARY
    vars(raw).update(attributes)
    with database._prepare_cursor(raw) as cursor:  # noqa: SLF001 - as `cursor()` does
        yield cursor
