"""How sure a fact is at a moment: one formula, in Python and as SQL (SPEC §6)."""

from datetime import datetime, timedelta

from django.db.models import DurationField, ExpressionWrapper, F, FloatField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Extract, Floor, Greatest, Least, Power

PERIOD = timedelta(days=30)
KEPT_PER_PERIOD = 0.9
FLOOR = 0.1
PERIODS_MAX = 100  # 0.9^100 is far under the floor; PostgreSQL reports an underflow for much more


def confidence_now(stored: float, last_refreshed_at: datetime, *, now: datetime) -> float:
    """The stored value less 10 % for each full 30 days without refresh, never under 0.1."""
    periods = min(max((now - last_refreshed_at) // PERIOD, 0), PERIODS_MAX)
    return max(stored * KEPT_PER_PERIOD**periods, FLOOR)


def confidence_sql(*, now: datetime) -> Combinable:
    """`confidence_now` of a fact row (`confidence`, `last_refreshed_at`), as an expression."""
    age = ExpressionWrapper(Value(now) - F("last_refreshed_at"), output_field=DurationField())
    periods = Floor(Extract(age, "epoch") / Value(PERIOD.total_seconds()))
    bounded = Least(Greatest(Cast(periods, FloatField()), Value(0.0)), Value(float(PERIODS_MAX)))
    faded = F("confidence") * Power(Value(KEPT_PER_PERIOD), bounded, output_field=FloatField())
    return Greatest(faded, Value(FLOOR), output_field=FloatField())
