"""`/v1/jobs`."""

from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api import fact_shapes as shapes
from memories.models import Job
from memories.models.job import JobQuerySet
from memories.tasks import wake_fact_worker
from tenants.api.base import TenantViewSet, page
from tenants.api.serializers import TenantQuery
from tenants.models import EndUser, Tenant


class JobNotFailed(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "job_not_failed"
    default_detail = "Only a job that failed can be tried again; this one did not."


@extend_schema(tags=["Jobs"])
class JobViewSet(TenantViewSet):
    """Queued work on facts. One that succeeded is kept for 30 days, one that failed until it is tried again."""

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
        """How a job goes: `queued`, `running`, `succeeded` or `failed`, why, and what came of it in numbers."""
        with self.scope() as tenant:
            return Response(shapes.JobSerializer(_one(tenant, job_id)).data)

    @extend_schema(request=None, parameters=[TenantQuery], responses=shapes.JobSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, job_id: UUID) -> Response:
        """Have a job that failed tried again, from the start."""
        with self.scope() as tenant:
            job = _one(tenant, job_id)
            if not Job.objects.for_tenant(tenant).filter(pk=job.pk).retry():
                raise JobNotFailed
            transaction.on_commit(wake_fact_worker)
            return Response(shapes.JobSerializer(_one(tenant, job_id)).data)


def _matching(tenant: Tenant, user_id: str | None) -> JobQuerySet:
    mine = Job.objects.for_tenant(tenant)
    return mine if user_id is None else mine.filter(end_user__in=EndUser.objects.known_as(tenant, [user_id]))


def _one(tenant: Tenant, job_id: UUID) -> Job:
    return get_object_or_404(Job.objects.for_tenant(tenant), pk=job_id)
