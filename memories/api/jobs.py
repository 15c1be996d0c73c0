"""`/v1/jobs`."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api import job_shapes as shapes
from memories.jobs import claims
from memories.models import Job
from memories.models.job import JobQuerySet
from memories.tasks import wake_job_workers
from tenants import audit
from tenants.api.base import TenantViewSet, page
from tenants.api.serializers import TenantQuery
from tenants.models import EndUser, Scope, Tenant
from tenants.permissions import InsufficientScope


class JobNotStopped(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "job_not_stopped"
    default_detail = "Only a job that failed or was cancelled can be tried again; this one was not."


class JobEnded(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "job_ended"
    default_detail = "This job has ended already; there is nothing left to cancel."


@extend_schema(tags=["Jobs"])
class JobViewSet(TenantViewSet):
    """Long operations, those on facts included: how far they are, and what may be done about them.

    One that succeeded or was cancelled is kept for 30 days, one that failed until it is tried again. With a key of an
    end user only the jobs about that user are there; to cancel one of the whole tenant takes the scope `admin`.
    """

    lookup_url_kwarg = "job_id"
    lookup_value_converter = "uuid"

    @extend_schema(parameters=[shapes.JobQuery], responses=shapes.JobPage)
    def list(self, request: Request) -> Response:
        """Jobs, the newest first."""
        given = self.query(shapes.JobQuery)
        wanted = {name: given[name] for name in ("status", "kind") if name in given}
        with self.scope(given) as tenant:
            found = _matching(tenant, given.get("user_id")).filter(**wanted)
            rows, next_cursor = page(found, limit=given["limit"], cursor=given.get("cursor"))
        return Response({"items": shapes.JobSerializer(rows, many=True).data, "next_cursor": next_cursor})

    @extend_schema(parameters=[TenantQuery], responses=shapes.JobSerializer)
    def retrieve(self, request: Request, job_id: UUID) -> Response:
        """How a job goes: its status, how much is done, why it failed or waits, and what came of it in numbers."""
        with self.scope() as tenant:
            return Response(shapes.JobSerializer(_one(tenant, job_id)).data)

    @extend_schema(request=None, parameters=[TenantQuery], responses=shapes.JobSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, job_id: UUID) -> Response:
        """Stop a job: at once if it waits, after the step it is at if it runs. What it did stays."""
        with self.changing(job_id) as (tenant, job):
            if not claims.cancel(Job.objects.for_tenant(tenant).filter(pk=job.pk)):
                raise JobEnded
            audit.record("job.cancelled", job, tenant=tenant, kind=job.kind)
            return Response(shapes.JobSerializer(_one(tenant, job_id)).data)

    @extend_schema(request=None, parameters=[TenantQuery], responses=shapes.JobSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, job_id: UUID) -> Response:
        """Have a job that failed or was cancelled tried again: it goes on where it stopped."""
        with self.changing(job_id) as (tenant, job):
            if not Job.objects.for_tenant(tenant).filter(pk=job.pk).retry():
                raise JobNotStopped
            audit.record("job.retried", job, tenant=tenant, kind=job.kind)
            transaction.on_commit(wake_job_workers)
            return Response(shapes.JobSerializer(_one(tenant, job_id)).data)

    @contextmanager
    def changing(self, job_id: UUID) -> Iterator[tuple[Tenant, Job]]:
        """The job, in a transaction; what is about nobody is the whole tenant's, and its administrators' to change."""
        with self.scope() as tenant:
            job = _one(tenant, job_id)
            if job.end_user_id is None and Scope.ADMIN not in self.caller.scopes:
                raise InsufficientScope(f"This job is the whole tenant's: use a key with the scope `{Scope.ADMIN}`.")
            yield tenant, job


def _matching(tenant: Tenant, user_id: str | None) -> JobQuerySet:
    mine = Job.objects.for_tenant(tenant)
    return mine if user_id is None else mine.filter(end_user__in=EndUser.objects.known_as(tenant, [user_id]))


def _one(tenant: Tenant, job_id: UUID) -> Job:
    return get_object_or_404(Job.objects.for_tenant(tenant), pk=job_id)
