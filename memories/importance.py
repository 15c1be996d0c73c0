"""The importance of a message at a moment: one formula, for one, for many and as SQL (SPEC §3.3)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db.models import Case, DurationField, ExpressionWrapper, F, FloatField, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Extract, Greatest, Least, Power

from memories.models import Role

Numbers = npt.NDArray[np.float64]
SECONDS_PER_DAY = 86_400.0
ROLE_WEIGHTS: Mapping[str, float] = {Role.USER: 0.7, Role.SYSTEM: 0.9, Role.ASSISTANT: 0.5, Role.TOOL: 0.3}
HALVINGS_MAX = 500.0  # past that PostgreSQL reports an underflow, and nobody can tell the result from 0


@dataclass(frozen=True)
class Formula:
    """Weights of the parts, and the days after which recency has halved."""

    recency: float = 0.4
    role: float = 0.2
    explicit: float = 0.4
    half_life_days: float = 7.0

    @classmethod
    def from_settings(cls) -> "Formula":
        return cls(**settings.MEMORY_IMPORTANCE_WEIGHTS, half_life_days=settings.MEMORY_RECENCY_HALF_LIFE_DAYS)


def recency(created_at: datetime, *, now: datetime, formula: Formula) -> float:
    """`2^(-age/half-life)`, 0 to 1; 1 for a clock that runs behind."""
    age_days = (now - created_at).total_seconds() / SECONDS_PER_DAY
    return math.exp2(-min(max(age_days / formula.half_life_days, 0.0), HALVINGS_MAX))


def importance(role: str, override: float | None, created_at: datetime, *, now: datetime, formula: Formula) -> float:
    """The weighted mean of recency, role and, where there is one, the override; 0 to 1."""
    parts = [(formula.recency, recency(created_at, now=now, formula=formula)), (formula.role, ROLE_WEIGHTS[role])]
    if override is not None:
        parts.append((formula.explicit, override))
    total = sum(weight for weight, _ in parts)
    return sum(weight * value for weight, value in parts) / total if total else 0.0


def recencies(ages: Numbers, *, formula: Formula) -> Numbers:
    """`recency` of many messages, by their ages in seconds."""
    halvings = np.clip(ages / SECONDS_PER_DAY / formula.half_life_days, 0.0, HALVINGS_MAX)
    return np.exp2(-halvings)


def importances(roles: Sequence[str], overrides: Numbers, ages: Numbers, *, formula: Formula) -> Numbers:
    """`importance` of many messages, by their ages in seconds; NaN for no override."""
    of_roles = np.array([ROLE_WEIGHTS[role] for role in roles])
    explicit = np.where(np.isnan(overrides), 0.0, formula.explicit)
    score = formula.recency * recencies(ages, formula=formula) + formula.role * of_roles
    total = formula.recency + formula.role + explicit
    none = np.zeros(len(roles))  # where nothing has a weight
    found: Numbers = np.divide(score + explicit * np.nan_to_num(overrides), total, out=none, where=total > 0)
    return found


def recency_sql(*, now: datetime, formula: Formula) -> Combinable:
    """`recency` of a message row, as an expression."""
    age = ExpressionWrapper(Value(now) - F("created_at"), output_field=DurationField())
    halvings = Extract(age, "epoch") / Value(SECONDS_PER_DAY * formula.half_life_days)
    bounded = Least(Greatest(Cast(halvings, FloatField()), Value(0.0)), Value(HALVINGS_MAX))
    return Power(Value(2.0), -bounded, output_field=FloatField())


def importance_sql(*, now: datetime, formula: Formula) -> Combinable:
    """`importance` of a message row, as an expression."""
    roles = [When(role=role, then=Value(weight)) for role, weight in ROLE_WEIGHTS.items()]
    always = Value(formula.recency) * recency_sql(now=now, formula=formula) + Value(formula.role) * Case(
        *roles, output_field=FloatField()
    )
    weight = formula.recency + formula.role
    with_override = (always + Value(formula.explicit) * F("importance_override")) / Value(weight + formula.explicit)
    without: Any = always / Value(weight) if weight else Value(0.0)
    return Case(When(importance_override=None, then=without), default=with_override, output_field=FloatField())
