"""`/v1/conscious`, `/v1/users/{user_id}/profile` and `/consolidate`: what the facts about an end user come to."""

from typing import Any

from django.db import transaction
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api import fact_shapes as shapes
from memories.facts import jobs
from memories.facts.essentials import essential
from memories.models import Profile
from memories.tasks import wake_fact_worker
from tenants import end_users
from tenants.api.base import TenantViewSet
from tenants.api.serializers import TenantQuery
from tenants.idempotency import once
from tenants.models import EndUser, Tenant


@extend_schema(tags=["Users"])
class EndUserViewSet(TenantViewSet):
    @extend_schema(parameters=[TenantQuery], responses=shapes.ProfileSerializer)
    def profile(self, request: Request, user_id: str) -> Response:
        """The end user in a few sentences and traits, as of the last consolidation."""
        with self.scope() as tenant:
            return Response(profile_of(tenant, end_users.found(tenant, user_id)))

    @extend_schema(request=None, parameters=[TenantQuery], responses={202: shapes.QueuedJob})
    def consolidate(self, request: Request, user_id: str) -> Response:
        """Queue a consolidation: merge duplicates, choose the essential facts anew, and write the profile.

        It is done weekly all the same. One that waits already is the answer to another request for it.
        """
        tenant = self.tenant_of(self.query(TenantQuery))
        return once(request, tenant, lambda: _queued(tenant, user_id))

    @extend_schema(tags=["Facts"], parameters=[shapes.ConsciousQuery], responses=shapes.Conscious)
    def conscious(self, request: Request, user_id: str) -> Response:
        """What to know of an end user before anything is asked: the essential facts and the profile."""
        given = self.query(shapes.ConsciousQuery)
        with self.scope(given) as tenant:
            return Response(_conscious(tenant, user_id, limit=given["max_facts"]))

    @extend_schema(
        tags=["Facts"], parameters=[shapes.ConsciousQuery], responses=shapes.Conscious, operation_id="conscious_of_key"
    )
    def conscious_of_key(self, request: Request) -> Response:
        """The same of the end user whose key this is."""
        return self.conscious(request, self.user_of({}))


def profile_of(tenant: Tenant, end_user: EndUser | None) -> dict[str, Any]:
    """The profile as a response has it, an empty one where none is written; in the tenant's scope."""
    profile = end_user and Profile.objects.filter(tenant=tenant, end_user=end_user).first()
    return dict(shapes.ProfileSerializer(profile or {"summary": "", "key_traits": [], "updated_at": None}).data)


def _queued(tenant: Tenant, user_id: str) -> Response:
    end_user = end_users.found(tenant, user_id)
    if end_user is None:
        raise Http404
    job = jobs.queue_consolidation(end_user)
    transaction.on_commit(wake_fact_worker)
    queued = {"status": "queued", "message": "The facts will be consolidated in the background.", "job_id": job.pk}
    return Response(shapes.QueuedJob(queued).data, status=status.HTTP_202_ACCEPTED)


def _conscious(tenant: Tenant, user_id: str, *, limit: int) -> dict[str, Any]:
    end_user, now = end_users.found(tenant, user_id), timezone.now()
    chosen = essential(end_user, limit=limit, now=now) if end_user else []
    facts = shapes.shown(chosen, tenant=tenant, now=now)
    return {
        "user_id": end_user.public_id if end_user else user_id,
        "essential_facts": facts,
        "relevant_facts": facts,
        "profile": profile_of(tenant, end_user),
    }
