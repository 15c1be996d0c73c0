"""The database engine: whose statements are counted."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.statements import planned_once

pytestmark = pytest.mark.django_db


def test_statements_are_counted_and_timed(grown):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    about = {"alias": "default", "vendor": "postgresql"}
    assert grown("django_db_execute_total", **about) == 1
    assert grown("django_db_query_duration_seconds_count", **about) == 1


def test_a_class_of_cursors_is_made_once():
    first, second = (connection.get_connection_params()["cursor_factory"] for _ in range(2))
    assert first is second


def test_what_is_known_by_name_is_logged_with_its_text():
    with CaptureQueriesContext(connection) as context:
        for _ in range(10):  # more often than `prepare_threshold`
            with planned_once() as cursor:
                cursor.execute("SELECT %s::int", [1])
    assert {one["sql"] for one in context.captured_queries} <= {"SELECT $1::int", "SELECT %s::int"}
