"""Plain SQL that is planned once, or for its values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tenants.backend.base import PLANS
from tenants.databases import reading
from tenants.isolation import tenant_scope
from tenants.statements import planned_for_values, planned_once

pytestmark = pytest.mark.django_db

OFTEN = 8  # than `prepare_threshold`
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
values = st.one_of(texts, st.integers(-(2**31), 2**31 - 1), st.booleans(), st.uuids())


def plans(text: str) -> list[tuple[int, int]]:
    """Of what this connection knows by name: how often it was run by a plan for any values, and by one for its own."""
    with reading().cursor() as cursor:
        like = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE %s"
        cursor.execute(like, [f"%{text}%"])
        return list(cursor.fetchall())


@examples(max_examples=200)
@given(values)
def test_a_value_written_into_the_text_is_the_value(value: Any) -> None:
    for beside in ([], ["other"]):
        with planned_for_values(beside=beside) as cursor:
            cursor.execute("SELECT %(value)s, %(other)s::text, '100%%'", {"value": value, "other": "50 %"})
            assert cursor.fetchone() == (value, "50 %", "100%")


@examples(max_examples=100)
@given(st.lists(texts))
def test_a_list_written_into_the_text_is_the_list(value: list[str]) -> None:
    with planned_for_values() as cursor:
        cursor.execute("SELECT %(value)s::text[]", {"value": value})
        assert cursor.fetchone() == (value,)


def test_other_values_in_the_text_are_another_statement(tenant) -> None:
    with tenant_scope(tenant):
        for number in range(OFTEN):
            with planned_for_values() as cursor:
                cursor.execute("SELECT %(number)s AS in_the_text", {"number": number})
        assert plans("in_the_text") == []


def test_other_values_beside_the_text_are_not(tenant) -> None:
    with tenant_scope(tenant):
        for number in range(OFTEN):
            with planned_for_values(beside=["number"]) as cursor:
                cursor.execute("SELECT %(number)s::int AS beside, %(kind)s AS text", {"number": number, "kind": "x"})
                assert cursor.fetchone() == (number, "x")
        [(for_any, for_its_own)] = plans("AS beside")
    assert for_any > 0
    assert for_its_own == 0


def test_a_connection_keeps_a_limited_number_of_plans(tenant) -> None:
    with tenant_scope(tenant):
        for number in range(2 * PLANS):
            for _ in range(OFTEN):
                with planned_once() as cursor:
                    cursor.execute(f"SELECT %(value)s::int AS one_of_many_{number}", {"value": 1})
        assert 0 < len(plans("one_of_many")) <= PLANS + 1  # one is forgotten when the next is prepared
