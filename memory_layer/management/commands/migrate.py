"""`manage.py migrate`: Django's, which gives way to a running service."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

LOCK_TIMEOUT = "5s"  # whoever waits for a table holds up all who ask for it later, and a request has 30 s
IN_USE = (
    f"A table was in use for {LOCK_TIMEOUT}, by a long transaction or a dump, and the migration gave way. What was "
    "migrated before stays; the same command again continues."
)


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = %s", [LOCK_TIMEOUT])
        try:
            super().handle(*args, **options)
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise CommandError(IN_USE) from error
            raise
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
