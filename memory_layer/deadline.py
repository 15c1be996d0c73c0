"""MEMORY_REQUEST_TIMEOUT_SECONDS, as the database keeps it: in the API's process alone, see `wsgi.py`."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings


def limit_statements(databases: Mapping[str, Any]) -> None:
    """Have PostgreSQL cut each statement at the deadline, time that it waits for locks included.

    To be called before the first connection. Commands, migrations and workers may take longer, and do not call it.
    """
    milliseconds = round(settings.MEMORY_REQUEST_TIMEOUT_SECONDS * 1000)
    for database in databases.values():
        options = database.setdefault("OPTIONS", {})
        options["options"] = f"{options.get('options', '')} -c statement_timeout={milliseconds}".strip()
