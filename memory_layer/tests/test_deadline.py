"""MEMORY_REQUEST_TIMEOUT_SECONDS cuts what the database does for a request, and nothing else."""

import copy
import os
import subprocess
import sys

import pytest
from django.conf import settings as project
from django.db import DEFAULT_DB_ALIAS, connections
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from memory_layer.deadline import limit_statements

SECONDS = 0.1
PRINT_OPTIONS = "; print(settings.DATABASES['default']['OPTIONS'].get('options'))"


@pytest.fixture
def limited(settings, db):
    """A new connection of a process that keeps the deadline."""
    settings.MEMORY_REQUEST_TIMEOUT_SECONDS = SECONDS
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    connection.settings_dict = copy.deepcopy(connection.settings_dict)
    limit_statements({DEFAULT_DB_ALIAS: connection.settings_dict})
    yield connection
    connection.close()


def run(connection, sql: str):
    class View(APIView):
        authentication_classes = ()
        permission_classes = ()

        def get(self, request: Request):
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return Response(cursor.fetchone()[0])

    return View.as_view()(APIRequestFactory().get("/v1/x"))


def test_a_statement_that_takes_too_long_is_cut_and_answers_504(limited):
    response = run(limited, "SELECT pg_sleep(60)")
    assert (response.status_code, response.data["type"]) == (504, "server_error")
    assert [one["code"] for one in response.data["errors"]] == ["deadline_exceeded"]
    assert run(limited, "SELECT 'still there'").data == "still there"


def test_waiting_for_a_lock_counts(limited):
    with connections.create_connection(DEFAULT_DB_ALIAS).cursor() as other:
        other.execute("SELECT pg_advisory_lock(20260101)")
        response = run(limited, "SELECT pg_advisory_lock(20260101)")
        other.connection.close()
    assert response.status_code == 504


def options_of(module: str) -> str:
    """How a fresh process that runs `module` opens its connections."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMORY_")}
    own = {"MEMORY_ENVIRONMENT": "test", "MEMORY_EMBEDDING_PROVIDER": "mock", "MEMORY_REQUEST_TIMEOUT_SECONDS": "7.5"}
    variables = {**kept, **own, "DJANGO_SETTINGS_MODULE": "memory_layer.settings"}
    code = f"import {module}; from django.conf import settings{PRINT_OPTIONS}"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=variables, cwd=project.BASE_DIR, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("module", "options"),
    [("memory_layer.wsgi", "-c statement_timeout=7500"), ("memory_layer.celery", "None"), ("manage", "None")],
)
def test_the_api_alone_has_the_limit(module, options):
    assert options_of(module) == options


def test_options_of_the_url_are_kept(settings):
    settings.MEMORY_REQUEST_TIMEOUT_SECONDS = SECONDS
    database = {"OPTIONS": {"options": "-c search_path=memory"}}
    limit_statements({"default": database})
    assert database["OPTIONS"]["options"] == "-c search_path=memory -c statement_timeout=100"
