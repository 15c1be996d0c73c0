from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from memories.importance import Formula, importance, importance_sql, importances, recencies, recency, recency_sql
from memories.models import Message, Role
from memories.tests.factories import ConversationFactory

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEFAULT = Formula()
weights = st.just(0.0) | st.floats(1e-6, 1000)
formulas = st.builds(
    Formula, recency=weights, role=weights, explicit=weights, half_life_days=st.floats(0.001, 36_500)
).filter(lambda formula: formula.recency + formula.role + formula.explicit > 0)
roles = st.sampled_from(Role.values)
overrides = st.none() | st.floats(0, 1)
ages = st.timedeltas(timedelta(minutes=-10), timedelta(days=50 * 365.25))
messages = st.lists(st.tuples(roles, overrides, ages), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("role", "override", "days", "expected"),
    [
        ("user", None, 0, 0.9),
        ("user", None, 7, 0.34 / 0.6),
        ("user", 1.0, 0, 0.94),
        ("system", 0.0, 14, 0.28),
        ("assistant", None, 0, 0.5 / 0.6),
        ("assistant", 0.5, 7, 0.5),
        ("tool", None, 36_500, 0.1),
    ],
)
def test_values_of_the_contract(role: str, override: float | None, days: int, expected: float) -> None:
    value = importance(role, override, NOW - timedelta(days=days), now=NOW, formula=DEFAULT)
    assert value == pytest.approx(expected, abs=1e-12)


def test_the_settings_hold_the_contracts_formula() -> None:
    assert Formula.from_settings() == DEFAULT


@given(messages, formulas)
def test_many_are_as_each_of_them(drawn: list[tuple[str, float | None, timedelta]], formula: Formula) -> None:
    roles, overrides, ages = zip(*drawn, strict=True)
    known = np.array(overrides, dtype=np.float64), np.array([age.total_seconds() for age in ages])
    each = [importance(role, override, NOW - age, now=NOW, formula=formula) for role, override, age in drawn]
    assert importances(roles, *known, formula=formula) == pytest.approx(each)
    assert recencies(known[1], formula=formula) == pytest.approx(
        [recency(NOW - age, now=NOW, formula=formula) for age in ages]
    )


@pytest.mark.django_db
@settings(max_examples=60, deadline=None)
@given(messages, formulas)
def test_python_and_sql_agree(drawn: list[tuple[str, float | None, timedelta]], formula: Formula) -> None:
    with transaction.atomic():
        stored = in_database(drawn, formula=formula)
        transaction.set_rollback(True)
    for role, override, created_at, importance_there, recency_there in stored:
        here = importance(role, override, created_at, now=NOW, formula=formula)
        assert importance_there == pytest.approx(here, abs=1e-9)
        assert recency_there == pytest.approx(recency(created_at, now=NOW, formula=formula), abs=1e-9)


def in_database(drawn: list[tuple[str, float | None, timedelta]], *, formula: Formula) -> list[Any]:
    conversation = ConversationFactory.create()
    Message.objects.bulk_create(
        Message(
            tenant=conversation.tenant,
            conversation=conversation,
            role=role,
            content="x",
            importance_override=override,
            created_at=NOW - age,
        )
        for role, override, age in drawn
    )
    return list(
        Message.objects.values_list(
            "role",
            "importance_override",
            "created_at",
            importance_sql(now=NOW, formula=formula),
            recency_sql(now=NOW, formula=formula),
        )
    )


@given(roles, overrides, ages, formulas)
def test_it_is_a_share(role: str, override: float | None, age: timedelta, formula: Formula) -> None:
    assert 0 <= importance(role, override, NOW - age, now=NOW, formula=formula) <= 1


@given(roles, overrides, ages, ages, formulas)
def test_an_older_message_is_never_more_important(
    role: str, override: float | None, one: timedelta, other: timedelta, formula: Formula
) -> None:
    older, younger = (
        importance(role, override, NOW - age, now=NOW, formula=formula) for age in sorted([one, other], reverse=True)
    )
    assert older <= younger + 1e-12


@given(roles, ages, formulas, weights)
def test_the_weight_of_an_absent_override_drops_out(role: str, age: timedelta, formula: Formula, other: float) -> None:
    reweighted = Formula(formula.recency, formula.role, other, formula.half_life_days)
    assert importance(role, None, NOW - age, now=NOW, formula=formula) == importance(
        role, None, NOW - age, now=NOW, formula=reweighted
    )


def test_recency_halves_with_each_half_life() -> None:
    values = [recency(NOW - timedelta(days=days), now=NOW, formula=DEFAULT) for days in (0, 7, 14, 21)]
    assert values == [1.0, 0.5, 0.25, 0.125]


def test_a_clock_that_runs_ahead_is_as_recent_as_now() -> None:
    assert recency(NOW + timedelta(minutes=5), now=NOW, formula=DEFAULT) == 1.0
