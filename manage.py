#!/usr/bin/env python
"""Every command of the service; `manage.py up` starts all of it on this machine."""

import os
import signal
import sys

TABLES_OF_ANOTHER_VERSION = ("42P01", "42703")  # SQLSTATE: no such table, no such column


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError

    try:
        lease_embedded_servers()
    except ImproperlyConfigured as error:
        sys.exit(f"Memory Layer cannot start: {error}")
    name_the_actor()
    try:
        execute_from_command_line(sys.argv)
    except DatabaseError as error:
        if "--traceback" in sys.argv or not (advice := advice_on(error)):
            raise
        sys.exit(advice)


def advice_on(error: Exception) -> str | None:
    """What an operator can do about an error of the database; None where it is for us to mend."""
    from django.db import OperationalError

    state = getattr(error.__cause__, "sqlstate", None)
    if state in TABLES_OF_ANOTHER_VERSION:
        return f"The database is not that of this version: run `manage.py migrate` first. ({error})"
    if isinstance(error, OperationalError) and state is None:
        return f"The database does not answer: {error}"
    return None


def name_the_actor() -> None:
    """For log lines and the audit trail."""
    import structlog

    person = os.environ.get("USER") or f"uid {os.getuid()}"
    structlog.contextvars.bind_contextvars(actor_kind="command", actor=f"{person}: {' '.join(sys.argv[1:2])}")


def lease_embedded_servers() -> None:
    """Where no server is configured, have the embedded ones run for as long as this command does."""
    from django.conf import settings

    from memory_layer import embedded

    if settings.EMBEDDED_POSTGRES or settings.EMBEDDED_REDIS:
        for number in (signal.SIGTERM, signal.SIGHUP):  # a plain death would skip the release at exit
            signal.signal(number, lambda number, _: sys.exit(128 + number))
        embedded.lease(settings.MEMORY_DATA_DIR, postgres=settings.EMBEDDED_POSTGRES, redis=settings.EMBEDDED_REDIS)


if __name__ == "__main__":
    main()
