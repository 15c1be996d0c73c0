"""`/v1/recall`: facts that answer a question."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memories import metrics
from memories.api import fact_shapes as shapes
from memories.embedding_models import provider_for
from memories.facts.recall import Question, Recalled, recall, understand
from memories.usage.asked import counted
from tenants import end_users
from tenants.api.base import TenantViewSet
from tenants.api.serializers import TenantQuery
from tenants.models import Scope


@extend_schema(tags=["Facts"])
class RecallViewSet(TenantViewSet):
    """Facts for a prompt."""

    scopes = {"recall": Scope.READ}  # a POST only for its JSON

    @extend_schema(request=shapes.RecallBody, responses=shapes.RecallResponse, parameters=[TenantQuery])
    def recall(self, request: Request) -> Response:
        """The facts about an end user that answer a query, best first; none when nothing does.

        What holds no more is left out, unless `include_historical` is true or `current_view_only` false.
        """
        given = self.body(shapes.RecallBody)
        user_id, now = self.user_of(given), timezone.now()
        tenant = self.tenant_of_body(given)
        with metrics.recall_seconds.time(), counted(tenant, "recall"):
            understood = understand(_question(given), provider=provider_for(tenant))
            with self.caller.scope(tenant):
                end_user = end_users.found(tenant, user_id)
                recalled = recall(end_user, understood, now=now) if end_user else []
                facts = shapes.shown([one.fact for one in recalled], tenant=tenant, now=now)
        return Response({"relevant_facts": [_scored(*pair) for pair in zip(facts, recalled, strict=True)]})


def _question(given: dict[str, Any]) -> Question:
    return Question(
        text=given["query"],
        limit=given["limit"],
        categories=given.get("categories") or None,
        max_age_days=given.get("max_age_days"),
        include_historical=given["include_historical"] or not given["current_view_only"],
    )


def _scored(fact: dict[str, Any], recalled: Recalled) -> dict[str, Any]:
    return {**fact, "score": round(recalled.score, shapes.CONFIDENCE_DIGITS)}
