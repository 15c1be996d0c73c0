"""What is said of all tenants together."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from memories.models.usage import DailyUsage, TenantSize
from memory_layer.metrics.usage import of_tenants
from tenants.tests.factories import TenantFactory

TODAY = date(2026, 3, 31)


def values() -> dict[str, float]:
    samples = [sample for family in of_tenants(TODAY) for sample in family.samples]
    return {" ".join([one.name, *one.labels.values()]): one.value for one in samples}


@pytest.mark.parametrize(
    ("days_ago", "counted_in"), [(0, {"1d", "7d", "30d"}), (1, {"7d", "30d"}), (29, {"30d"}), (30, set())]
)
def test_a_tenant_is_active_in_the_windows_that_hold_a_day_on_which_it_did_something(db, days_ago, counted_in):
    DailyUsage.objects.create(tenant=TenantFactory.create(), day=TODAY - timedelta(days=days_ago), searches=1)
    found = values()
    assert {window for window in ("1d", "7d", "30d") if found[f"tenants_active {window}"]} == counted_in


def test_a_tenant_is_counted_once_and_not_on_days_of_nothing(db):
    busy, idle = TenantFactory.create(), TenantFactory.create()
    for days in (0, 1, 2):
        DailyUsage.objects.create(tenant=busy, day=TODAY - timedelta(days=days), user_messages=5)
    DailyUsage.objects.create(tenant=idle, day=TODAY)
    assert values()["tenants_active 7d"] == 1


def test_sizes_are_told_by_quantiles(db):
    for messages in range(1, 11):
        TenantSize.objects.create(tenant=TenantFactory.create(), messages=messages, measured_at=timezone.now())
    found = values()
    assert [found[f"tenant_messages {quantile}"] for quantile in ("0.5", "0.9", "1")] == [5, 9, 10]


def test_without_tenants_all_is_0(db):
    assert set(values().values()) == {0}
