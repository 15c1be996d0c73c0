"""Migrations of a service that runs: they wait for nobody long."""

import os
import subprocess
import sys

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, OperationalError, connection

from manage import advice_on
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


def test_a_command_without_its_tables_says_that_they_are_to_be_made():
    url = settings.DATABASE_URL.replace("/memory_layer?", "/postgres?")
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "memory_layer.settings", "MEMORY_DATABASE_URL": url}
    command = [sys.executable, "manage.py", "create_tenant", "acme"]
    done = subprocess.run(command, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "run `manage.py migrate` first" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_does_not_answer_is_said_to_be_so():
    assert advice_on(OperationalError("connection refused")) == "The database does not answer: connection refused"
    assert advice_on(IntegrityError("ours to mend")) is None
