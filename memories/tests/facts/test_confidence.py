from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import DateTimeField, FloatField, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from memories.facts.confidence import confidence_now, confidence_sql
from tenants.models import Tenant

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
stored = st.floats(0.1, 1)
ages = st.timedeltas(timedelta(days=-1), timedelta(days=50 * 365))


@pytest.mark.parametrize(
    ("days", "expected"), [(0, 0.8), (29.99, 0.8), (30, 0.72), (59.9, 0.72), (60, 0.648), (3_000, 0.1), (-2, 0.8)]
)
def test_a_tenth_goes_with_each_full_thirty_days(days: float, expected: float) -> None:
    assert confidence_now(0.8, NOW - timedelta(days=days), now=NOW) == pytest.approx(expected)


@given(stored, ages)
def test_it_stays_between_the_floor_and_what_was_stored(confidence: float, age: timedelta) -> None:
    assert 0.1 <= confidence_now(confidence, NOW - age, now=NOW) <= confidence


@given(stored, ages, ages)
def test_it_never_rises_without_refresh(confidence: float, one: timedelta, other: timedelta) -> None:
    longer, shorter = (confidence_now(confidence, NOW - age, now=NOW) for age in sorted([one, other], reverse=True))
    assert longer <= shorter


@given(stored, stored, ages)
def test_the_surer_of_two_stays_the_surer(one: float, other: float, age: timedelta) -> None:
    less, more = (confidence_now(confidence, NOW - age, now=NOW) for confidence in sorted([one, other]))
    assert less <= more


@pytest.mark.django_db
@settings(max_examples=60, deadline=None)
@given(stored, ages)
def test_python_and_sql_agree(confidence: float, age: timedelta) -> None:
    Tenant.objects.get_or_create(slug="fading")
    row = Tenant.objects.filter(slug="fading").annotate(
        confidence=Value(confidence, output_field=FloatField()),
        last_refreshed_at=Value(NOW - age, output_field=DateTimeField()),
    )
    there = row.annotate(then=confidence_sql(now=NOW)).values_list("then", flat=True).get()
    assert there == pytest.approx(confidence_now(confidence, NOW - age, now=NOW), abs=1e-9)
