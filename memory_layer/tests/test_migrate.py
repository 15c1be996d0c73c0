"""Migrations of a service that runs: they wait for nobody long."""

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from memory_layer.management.commands import migrate

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def somebody_else():
    """A session of another, in a transaction."""
    parameters = connection.get_connection_params()
    names = ("dbname", "user", "host", "port")
    with psycopg.connect(**{name: parameters[name] for name in names if name in parameters}) as session:
        yield session
        session.rollback()


def lock_timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        return str(cursor.fetchone()[0])


def test_a_table_in_use_makes_it_give_way_and_say_so(somebody_else, monkeypatch):
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT", "50ms")
    somebody_else.execute("LOCK TABLE django_migrations IN ACCESS EXCLUSIVE MODE")
    with pytest.raises(CommandError, match="again continues"):
        call_command("migrate", verbosity=0)
    assert lock_timeout() == "0"


def test_else_it_migrates_and_leaves_the_connection_as_it_was():
    call_command("migrate", verbosity=0)
    assert lock_timeout() == "0"
