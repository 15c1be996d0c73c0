"""What retention is going to do is what its plan of that moment chooses, and asking changes nothing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from memories.models import Message
from memories.tests.factories import ConversationFactory, MessageFactory
from retention import runs
from retention.forecast import HORIZONS, forecast, is_due
from retention.models import Action, Forecast, PlannedItem, Policy, Rule, Run
from retention.tasks import forecast_all
from tenants.models import Tenant
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def policy(tenant):
    return Policy.objects.create(tenant=tenant, mode="enforce", max_age_days=30, max_items=4, delete_after_days=10)


@pytest.fixture
def talk(tenant):
    """Messages of many ages, some of them archived some days ago."""
    talk = ConversationFactory.create(tenant=tenant)
    for days in (1, 10, 22, 24, 26, 29, 31, 50):
        MessageFactory.create(conversation=talk, created_at=NOW - timedelta(days=days))
    for days in (1, 4, 9, 20):
        MessageFactory.create(conversation=talk, archived_at=NOW - timedelta(days=days))
    return talk


def forecasts(tenant, now=NOW):
    with plain_login():
        forecast(tenant, now=now)
    return {(one.days, one.action): one.count for one in Forecast.objects.filter(tenant=tenant)}


def test_it_is_what_a_run_of_that_moment_plans(tenant, talk, policy):
    Rule.objects.create(
        tenant=tenant, name="old", rule_type="age", conditions={"max_age_days": 45}, action="move_to_cold_storage"
    )
    found = forecasts(tenant)
    assert len(found) == len(HORIZONS) * len(Action)
    for days in HORIZONS:
        run = runs.begin(tenant, trigger="api", dry_run=True, now=NOW + timedelta(days=days))
        planned = dict.fromkeys(Action.values, 0)
        for one in run.planned:
            planned[one["action"]] += one["count"]
        assert {action: found[days, action] for action in Action.values} == planned
        assert sum(planned.values())


def test_asking_changes_nothing(tenant, talk, policy):
    before = list(Message.objects.order_by("pk").values())
    forecasts(tenant)
    assert list(Message.objects.order_by("pk").values()) == before
    assert not Run.objects.exists()
    assert not PlannedItem.objects.exists()


def test_a_policy_that_is_tried_out_will_do_nothing(tenant, talk, policy):
    Policy.objects.update(mode="dry_run")
    assert set(forecasts(tenant).values()) == {0}


def test_a_new_one_takes_the_place_of_the_last(tenant, talk, policy):
    first = forecasts(tenant)
    Message.objects.all().delete()
    assert set(first.values()) != {0}
    assert set(forecasts(tenant, NOW + timedelta(days=1)).values()) == {0}


def test_it_is_due_when_the_last_one_is_a_day_old(tenant):
    other = TenantFactory.create()
    forecasts(tenant)
    assert list(is_due(Tenant.objects.all(), now=NOW + timedelta(hours=23))) == [other]
    assert set(is_due(Tenant.objects.all(), now=NOW + timedelta(hours=25))) == {tenant, other}


def test_every_tenant_of_the_settings_gets_one(tenant, settings, monkeypatch):
    from retention import tasks

    settings.MEMORY_RETENTION_TENANTS = [tenant.slug]
    TenantFactory.create()
    monkeypatch.setattr(tasks.forecast_tenant, "delay", tasks.forecast_tenant)
    forecast_all()
    assert set(Forecast.objects.values_list("tenant", flat=True)) == {tenant.pk}
