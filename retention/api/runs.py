"""`/v1/retention/execute`, `/v1/retention/runs` and `/v1/admin/retention/run`."""

import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from memories.tasks import wake_operation_worker
from retention import runs
from retention.api import shapes
from retention.models import Action, Run
from tenants.api.base import TenantViewSet, page
from tenants.api.serializers import TenantQuery
from tenants.idempotency import once
from tenants.models import Scope, Tenant

SHARE_OF_DEADLINE = 0.3  # a request may take so much of its time for a run; a worker does the rest


class RunInProgress(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "run_in_progress"
    default_detail = "Another run of this tenant is not finished; wait for it, or cancel it."


class RunView(TenantViewSet):
    """Begins runs."""

    required_scope = Scope.ADMIN

    def begun(self, request: Request) -> Run:
        """A run as the request asks for it, carried out as far as the deadline lets it."""
        given = self.body(shapes.RunRequest)
        tenant = self.tenant_of_body(given)
        # Planned in a transaction of its own, with the answer that a repeat will get; carried out after it.
        answer = once(request, tenant, lambda: Response({"run_id": str(_begin(tenant, given).pk)}))
        with self.caller.scope(tenant):
            run = one(tenant, answer.data["run_id"])
        runs.execute(run, until=time.monotonic() + SHARE_OF_DEADLINE * settings.MEMORY_REQUEST_TIMEOUT_SECONDS)
        if run.status == Run.Status.RUNNING:
            wake_operation_worker()
        return run


def _begin(tenant: Tenant, given: dict[str, Any]) -> Run:
    try:
        return runs.begin(
            tenant,
            trigger=Run.Trigger.API,
            dry_run=given.get("dry_run"),
            actions=given.get("actions", Action.values),
        )
    except runs.AlreadyRunning:
        raise RunInProgress from None


@extend_schema(tags=["Retention"])
class RetentionRunView(RunView):
    @extend_schema(
        request=shapes.RunRequest,
        parameters=[TenantQuery],
        responses={200: shapes.RunOutcome, 202: shapes.RunOutcome},
        operation_id="admin_retention_run",
    )
    def run(self, request: Request) -> Response:
        """Run retention now: 200 when it is done, 202 when a worker does the rest. A dry run tells what it would do."""
        run = self.begun(request)
        return Response(shapes.RunOutcome(_outcome(run)).data, status=_status_of(run))


@extend_schema(tags=["Retention"])
class RunViewSet(RunView):
    """Runs of retention, with what they planned and what they did."""

    lookup_url_kwarg = "run_id"
    lookup_value_converter = "uuid"

    @extend_schema(
        request=shapes.RunRequest,
        parameters=[TenantQuery],
        responses={200: shapes.RunSerializer, 202: shapes.RunSerializer},
    )
    def execute(self, request: Request) -> Response:
        """Run now, and see the run: 200 when it is done, 202 when a worker does the rest."""
        run = self.begun(request)
        return Response(shapes.RunSerializer(run).data, status=_status_of(run))

    @extend_schema(parameters=[shapes.RunQuery], responses=shapes.RunPage)
    def list(self, request: Request) -> Response:
        """Runs, the newest first."""
        given = self.query(shapes.RunQuery)
        wanted = {name: given[name] for name in ("status", "dry_run") if name in given}
        with self.scope(given) as tenant:
            found = Run.objects.for_tenant(tenant).filter(**wanted).select_related("tenant")
            rows, next_cursor = page(found, limit=given["limit"], cursor=given.get("cursor"))
        return Response({"items": shapes.RunSerializer(rows, many=True).data, "next_cursor": next_cursor})

    @extend_schema(parameters=[TenantQuery], responses=shapes.RunSerializer)
    def retrieve(self, request: Request, run_id: UUID) -> Response:
        with self.scope() as tenant:
            return Response(shapes.RunSerializer(one(tenant, run_id)).data)

    @extend_schema(request=None, parameters=[TenantQuery], responses=shapes.RunSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, run_id: UUID) -> Response:
        """Stop a run after the batch it is at; what it did stays. A run that has ended stays as it is."""
        with self.scope() as tenant:
            run = one(tenant, run_id)
            runs.cancel(run)
            return Response(shapes.RunSerializer(run).data)


def one(tenant: Tenant, run_id: Any) -> Run:
    return get_object_or_404(Run.objects.for_tenant(tenant).select_related("tenant"), pk=run_id)


def _status_of(run: Run) -> int:
    return status.HTTP_202_ACCEPTED if run.status == Run.Status.RUNNING else status.HTTP_200_OK


def _outcome(run: Run) -> dict[str, Any]:
    """What was done; where nothing is or not all yet, what is planned."""
    planned = {name: sum(one["count"] for one in run.planned if one["action"] == name) for name in Action.values}
    is_plan = run.dry_run or run.status == Run.Status.RUNNING
    return {
        "run_id": run.pk,
        "status": run.status,
        "dry_run": run.dry_run,
        "archived": planned[Action.ARCHIVE] if is_plan else run.archived,
        "deleted": planned[Action.DELETE] if is_plan else run.deleted,
        "moved_to_cold_storage": planned[Action.COLD] if is_plan else run.moved,
    }
