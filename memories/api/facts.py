"""`/v1/facts` and `/v1/timeline`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api import fact_shapes as shapes
from memories.facts import correcting
from memories.facts.essentials import TIMELESS
from memories.facts.provenance import source
from memories.models import Fact
from memories.models.fact import FactQuerySet
from memories.tasks import wake_fact_embedder, wake_fact_worker
from memories.vocabulary import Slot, Standing, TemporalState
from tenants import end_users
from tenants.api.base import TenantViewSet, page
from tenants.api.serializers import TenantQuery
from tenants.ids import as_uuid
from tenants.models import Tenant

FILTERS = ("category", "slot")


@extend_schema(tags=["Facts"])
class FactViewSet(TenantViewSet):
    """What is known of end users. In `/v1/facts/{id}` an end user is named to list, a fact to change or to remove."""

    @extend_schema(parameters=[shapes.FactQuery], responses=shapes.FactPage)
    def list(self, request: Request, id: str) -> Response:  # noqa: A002 - the one name for both
        """Facts about the end user `id` that are neither expired nor superseded, the newest first."""
        given = self.query(shapes.FactQuery)
        with self.scope(given) as tenant:
            current = about(tenant, id).current().filter(**_filters(given))
            rows, next_cursor = page(current, limit=given["limit"], cursor=given.get("cursor"))
            facts = shapes.shown(rows, tenant=tenant, now=timezone.now())
        return Response({"facts": facts, "next_cursor": next_cursor})

    @extend_schema(request=shapes.FactChanges, responses=shapes.FactSerializer, parameters=[TenantQuery])
    def partial_update(self, request: Request, id: str) -> Response:  # noqa: A002
        """Put the fact `id` right. It is certain then, and what it said before is not extracted again.

        A fact that takes a slot with one value supersedes the one that had it.
        """
        changes = self.body(shapes.FactChanges)
        now = timezone.now()
        with self.scope() as tenant:
            fact = one(tenant, id)
            _check_range(fact, changes)
            correcting.correct(fact, changes, now=now)
            transaction.on_commit(wake_fact_embedder)
            transaction.on_commit(wake_fact_worker)
            (answer,) = shapes.shown([one(tenant, id)], tenant=tenant, now=now)
        return Response(answer)

    @extend_schema(parameters=[TenantQuery], responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:  # noqa: A002
        """Remove the fact `id`. It is not extracted again, whatever is said."""
        with self.scope() as tenant:
            correcting.remove(one(tenant, id), now=timezone.now())
            transaction.on_commit(wake_fact_worker)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(parameters=[TenantQuery], responses=shapes.FactSourceSerializer)
    def source(self, request: Request, fact_id: UUID) -> Response:
        """The latest message that a fact came from; of one that was deleted there is the id alone."""
        with self.scope() as tenant:
            fact = one(tenant, str(fact_id))
            return Response(_source(fact, tenant))

    @extend_schema(parameters=[shapes.TimelineQuery], responses=shapes.TimelineSerializer)
    def timeline(self, request: Request) -> Response:
        """What was true of an end user when, oldest first, and what of it is true now."""
        given = self.query(shapes.TimelineQuery)
        user_id, slot, now = self.user_of(given), given.get("slot"), timezone.now()
        with self.scope(given) as tenant:
            facts = about(tenant, user_id).told() if given["include_historical"] else about(tenant, user_id).current()
            history = list(_in_order(facts.filter(**_filters(given)), now=now))
            current = shapes.shown(_current(history, slot), tenant=tenant, now=now)
            entries = shapes.TimelineEntry(history, many=True, context={"now": now}).data
        return Response({"slot_hint": slot, "current_fact": next(iter(current), None), "history": entries})


def about(tenant: Tenant, user_id: str) -> FactQuerySet:
    """Facts about the tenant's end user of this id; none when there is no such user."""
    end_user = end_users.found(tenant, user_id)
    return Fact.objects.about(end_user) if end_user else Fact.objects.none()


def one(tenant: Tenant, fact_id: str) -> Fact:
    """The tenant's fact of this id; Http404 for one that is not there, or was removed."""
    mine = Fact.objects.filter(tenant=tenant).told().select_related("end_user")
    return get_object_or_404(mine, pk=as_uuid(fact_id))


def _filters(given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in FILTERS if name in given}


def _check_range(fact: Fact, changes: dict[str, Any]) -> None:
    start, end = (changes.get(name, getattr(fact, name)) for name in ("valid_from", "valid_until"))
    if end is not None and end < start:
        message = "A fact cannot end before it begins; change valid_from too, or give a later time."
        raise exceptions.ValidationError({"valid_until": message}, code="before_valid_from")


def _source(fact: Fact, tenant: Tenant) -> dict[str, Any]:
    message_id, message = source(fact, tenant=tenant)
    shown = {
        "fact_id": fact.pk,
        "source_message_id": message_id,
        "session_id": message and message.conversation.external_id,
        "role": message and message.role,
        "content": message and message.content,
        "content_preview": message and message.content[: shapes.PREVIEW],
        "timestamp": message and message.created_at,
        "source_available": message is not None,
    }
    return dict(shapes.FactSourceSerializer(shown).data)


def _in_order(facts: FactQuerySet, *, now: datetime) -> FactQuerySet:
    """In the order in which they became valid, as `supersession.timeline` has them, with `is_current`."""
    unexpired = Q(valid_until=None) | Q(valid_until__gt=now)
    in_force = unexpired & Q(standing=Standing.HOLDS, temporal_state__in=TIMELESS)
    marked = facts.annotate(is_current=ExpressionWrapper(in_force, output_field=BooleanField()))
    return marked.order_by("valid_from", "said_at", "is_current", "pk")


def _current(history: list[Any], slot: str | None) -> list[Fact]:
    """The one fact that answers a single-valued slot now, else the last of all that are current; [] for none."""
    current = [fact for fact in history if fact.is_current]
    if slot and Slot(slot).is_single_valued:
        current = [fact for fact in current if fact.temporal_state == TemporalState.CURRENT]
    return current[-1:]
