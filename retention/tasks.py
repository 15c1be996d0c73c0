"""Every Celery task of this room: ids in, one flow called, done. Any of them may be lost or run twice without harm."""

import uuid
from contextlib import suppress

from celery import shared_task
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from memories.tasks import wake_operation_worker
from retention import forecast, runs
from retention.models import Run
from tenants.isolation import across_tenants
from tenants.models import Tenant


@shared_task
def run_all() -> None:
    """Start a run of each tenant that the settings name: a task for each, so that none waits for or fails another."""
    for pk in _ids(_tenants_to_run()):
        run_tenant.delay(str(pk))


def _tenants_to_run() -> QuerySet[Tenant]:
    named = settings.MEMORY_RETENTION_TENANTS
    return Tenant.objects.all() if "*" in named else Tenant.objects.filter(slug__in=named)


def _ids(tenants: QuerySet[Tenant]) -> list[uuid.UUID]:
    return list(tenants.values_list("pk", flat=True))


@shared_task
def run_tenant(tenant_id: str) -> None:
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    if tenant is None:
        return  # erased since the task was queued
    with suppress(runs.AlreadyRunning):  # workers are at that one
        runs.begin(tenant, trigger=Run.Trigger.SCHEDULE)
    wake_operation_worker()


@shared_task
def forecast_all() -> None:
    """Have a forecast made for each tenant whose last one is a day old."""
    with across_tenants():
        due = _ids(forecast.is_due(_tenants_to_run(), now=timezone.now()))
    for pk in due:
        forecast_tenant.delay(str(pk))


@shared_task(soft_time_limit=3_000, time_limit=3_300)  # two plans over a million messages take a minute and more
def forecast_tenant(tenant_id: str) -> None:
    if tenant := Tenant.objects.filter(pk=tenant_id).first():
        forecast.forecast(tenant, now=timezone.now())


@shared_task
def forget_plans() -> None:
    runs.forget_plans()
