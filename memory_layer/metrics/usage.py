"""How many tenants are at work and how unequal they are, out of what was counted before anybody asked."""

from collections.abc import Iterable
from datetime import date, timedelta

from django.db.models import Aggregate, BigIntegerField
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from memories.models.usage import COUNTED, DailyUsage, TenantSize

WINDOWS = {"1d": 1, "7d": 7, "30d": 30}
QUANTILES = {"0.5": 0.5, "0.9": 0.9, "1": 1.0}


class Quantile(Aggregate):
    """The least value that the share `at` of all does not exceed; null if there are none."""

    function = "percentile_disc"
    template = "%(function)s(%(at)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = BigIntegerField()


def of_tenants(today: date) -> Iterable[Metric]:
    active = GaugeMetricFamily("tenants_active", "Tenants that stored or asked in so many days.", labels=["window"])
    used = DailyUsage.objects.exclude(**dict.fromkeys(COUNTED, 0))
    for window, days in WINDOWS.items():
        of_days = used.filter(day__gt=today - timedelta(days=days))
        active.add_metric([window], of_days.values("tenant").distinct().count())
    yield active
    stored = GaugeMetricFamily("tenant_messages", "Messages of one tenant, at most.", labels=["quantile"])
    wanted = {f"of_{number}": Quantile("messages", at=at) for number, at in enumerate(QUANTILES.values())}
    found = TenantSize.objects.aggregate(**wanted)
    for label, value in zip(QUANTILES, found.values(), strict=True):
        stored.add_metric([label], value or 0)
    yield stored
