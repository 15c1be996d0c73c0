"""Every Celery task of this room: ids in, one flow called, done. Any of them may be lost or run twice without harm."""

import time
import uuid

from celery import shared_task
from django.conf import settings

from retention import runs
from retention.erasure import subjects
from retention.erasure.erase import ErasureIncomplete, erase
from retention.models import Run
from tenants.isolation import across_tenants, tenant_scope
from tenants.models import Tenant

TURN_SECONDS = 120.0  # of a run at a stretch; then other tasks of the queue get their turn


@shared_task
def run_all() -> None:
    """Start a run of each tenant that the settings name: a task for each, so that none waits for or fails another."""
    for pk in _tenants_to_run():
        run_tenant.delay(str(pk))


def _tenants_to_run() -> list[uuid.UUID]:
    named = settings.MEMORY_RETENTION_TENANTS
    tenants = Tenant.objects.all() if "*" in named else Tenant.objects.filter(slug__in=named)
    return list(tenants.values_list("pk", flat=True))


@shared_task
def run_tenant(tenant_id: str) -> None:
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    if tenant is None:
        return  # erased since the task was queued
    try:
        run = runs.begin(tenant, trigger=Run.Trigger.SCHEDULE)
    except runs.AlreadyRunning:
        return  # it is continued by whoever is at it, or by continue_runs
    _continue(run)


@shared_task
def continue_run(tenant_id: str, run_id: str) -> None:
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    if tenant is None:
        return
    with tenant_scope(tenant):
        run = Run.objects.for_tenant(tenant).filter(pk=run_id).select_related("tenant").first()
    if run:
        _continue(run)


def _continue(run: Run) -> None:
    runs.execute(run, until=time.monotonic() + TURN_SECONDS)
    if run.status == Run.Status.RUNNING and run.lease_until is None:
        continue_run.delay(str(run.tenant_id), str(run.pk))


@shared_task
def continue_runs() -> None:
    """Take up runs whose worker died."""
    with across_tenants():
        abandoned = list(Run.objects.abandoned().values_list("tenant_id", "pk"))
    for tenant_id, run_id in abandoned:
        continue_run.delay(str(tenant_id), str(run_id))


@shared_task
def erase_subject(tenant_id: str, kind: str, subject_id: str) -> None:
    """Erase what is still there; the receipt says how it went."""
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    if tenant is None:
        return
    try:
        with tenant_scope(tenant):
            subject = subjects.find(tenant, kind, subject_id)
        erase(subject)
    except (subjects.UnknownSubject, ErasureIncomplete):
        return


@shared_task
def forget_plans() -> None:
    runs.forget_plans()
