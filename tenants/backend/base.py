"""Where Django looks for an engine. Statements are timed as django-prometheus times them."""

from functools import cache
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.postgresql.operations import DatabaseOperations
from django_prometheus.db.backends.postgresql.base import (  # type: ignore[import-untyped]
    DatabaseWrapper as TimedDatabaseWrapper,
)
from django_prometheus.db.common import ExportingCursorWrapper  # type: ignore[import-untyped]

PLANS = 30  # that a connection keeps; that of a search takes 0.7 MB of PostgreSQL's memory


@cache
def timed(cursor: type, alias: str, vendor: str) -> Any:
    """The same class of cursors, which times and counts. A class is made once, not for every request as there."""
    return ExportingCursorWrapper(cursor, alias, vendor)


class Operations(DatabaseOperations):
    def last_executed_query(self, cursor: Any, sql: str, params: Any) -> str:
        """For logs of queries; of what PostgreSQL knows by name, psycopg does not keep the text."""
        return super().last_executed_query(cursor, sql, params) or sql


class DatabaseWrapper(TimedDatabaseWrapper):  # type: ignore[misc]
    ops_class = Operations

    def _configure_connection(self, connection: Any) -> bool:
        connection.prepared_max = PLANS
        return bool(super()._configure_connection(connection))

    def get_connection_params(self) -> dict[str, Any]:
        given = base.DatabaseWrapper.get_connection_params(self)
        return {**given, "cursor_factory": timed(given["cursor_factory"], self.alias, self.vendor)}
