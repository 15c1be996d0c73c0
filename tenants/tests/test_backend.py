"""The database engine: whose statements are counted."""

import pytest
from django.db import connection

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
