"""`/v1/conversations`."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Avg, Count, Max, Min
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from memories import editing
from memories.api import serializers as shapes
from memories.embedding_models import serving
from memories.importance import Formula, importance_sql
from memories.ingest import Taken
from memories.models import Conversation, Message, Role
from tenants.api.base import TenantViewSet, page, shown
from tenants.api.serializers import PageQuery, TenantQuery
from tenants.idempotency import once
from tenants.models import Tenant


class ConversationExists(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conversation_exists"
    default_detail = "A conversation with this id exists already; change it with PUT or PATCH."


@extend_schema(tags=["Conversations"])
class ConversationViewSet(TenantViewSet):
    """Conversations come into being with their first message, or here with a title and metadata."""

    lookup_url_kwarg = "conversation_id"
    lookup_value_converter = "conversation_id"

    @extend_schema(parameters=[PageQuery], responses=shapes.ConversationPage)
    def list(self, request: Request) -> Response:
        """Conversations, the newest first."""
        given = self.query(PageQuery)
        with self.scope(given) as tenant:
            conversations = Conversation.objects.for_tenant(tenant).with_activity().select_related("tenant")
            rows, next_cursor = page(conversations, limit=given["limit"], cursor=given.get("cursor"))
        return Response({"items": shapes.ConversationSerializer(rows, many=True).data, "next_cursor": next_cursor})

    @extend_schema(
        request=shapes.NewConversationSerializer,
        responses={201: shapes.ConversationSerializer},
        parameters=[TenantQuery],
    )
    def create(self, request: Request) -> Response:
        given = self.body(shapes.NewConversationSerializer)
        tenant = self.tenant_of_body(given, create=True)
        return once(request, tenant, lambda: self._created(tenant, given))

    def _created(self, tenant: Tenant, given: dict[str, Any]) -> Response:
        own = {name: given[name] for name in ("title", "metadata") if name in given}
        begun_with = self.caller.end_user_id
        try:
            with transaction.atomic():
                Conversation.objects.create(
                    tenant=tenant, external_id=given["conversation_id"], end_user_id=begun_with, **own
                )
        except IntegrityError:
            if Conversation.objects.for_tenant(tenant).filter(external_id=given["conversation_id"]).exists():
                raise ConversationExists from None
            raise Taken("conversation_id", given["conversation_id"]) from None
        conversation = one(tenant, given["conversation_id"])
        return Response(shapes.ConversationSerializer(conversation).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=[TenantQuery], responses=shapes.ConversationSerializer)
    def retrieve(self, request: Request, conversation_id: str) -> Response:
        with self.scope() as tenant:
            return Response(shapes.ConversationSerializer(one(tenant, conversation_id)).data)

    @extend_schema(
        request=shapes.ConversationUpdateSerializer,
        responses=shapes.ConversationSerializer,
        parameters=[TenantQuery],
    )
    def update(self, request: Request, conversation_id: str) -> Response:
        """Change the title or the metadata, whichever is given."""
        changes = self.body(shapes.ConversationUpdateSerializer)
        with self.scope() as tenant:
            conversation = one(tenant, conversation_id)
            for name, value in changes.items():
                setattr(conversation, name, value)
            conversation.save(update_fields=["title", "metadata", "updated_at"])
        return Response(shapes.ConversationSerializer(conversation).data)

    partial_update = update

    @extend_schema(parameters=[TenantQuery], responses={204: None})
    def destroy(self, request: Request, conversation_id: str) -> Response:
        """Delete the conversation with all its messages and their vectors."""
        with self.scope() as tenant:
            editing.delete_conversation(one(tenant, conversation_id))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(parameters=[PageQuery], responses=shapes.MessagePage)
    @action(detail=True)
    def messages(self, request: Request, conversation_id: str) -> Response:
        """The conversation's turns, oldest first; archived ones are left out."""
        given = self.query(PageQuery)
        with self.scope(given) as tenant:
            turns = Message.objects.live().filter(conversation=one(tenant, conversation_id), tenant=tenant)
            turns = turns.for_display(model=serving(tenant))
            rows, next_cursor = page(turns, limit=given["limit"], cursor=given.get("cursor"), newest_first=False)
        return Response({"items": [shown(shapes.MessageSerializer, row) for row in rows], "next_cursor": next_cursor})

    @extend_schema(parameters=[TenantQuery], responses=shapes.ConversationStats)
    @action(detail=True)
    def stats(self, request: Request, conversation_id: str) -> Response:
        """Counts by role, first and last time, and the average importance of the moment."""
        with self.scope() as tenant:
            return Response(shapes.ConversationStats(_stats(one(tenant, conversation_id))).data)


def one(tenant: Tenant, conversation_id: str) -> Conversation:
    """The tenant's conversation of this id; Http404 when there is none."""
    mine = Conversation.objects.for_tenant(tenant).with_activity().select_related("tenant")
    conversation = mine.filter(external_id=conversation_id).first()
    if conversation is None:
        raise Http404
    return conversation


def _stats(conversation: Conversation) -> dict[str, object]:
    messages = Message.objects.filter(conversation=conversation, tenant=conversation.tenant)
    by_role = dict(messages.order_by().values_list("role").annotate(Count("pk")))
    score = importance_sql(now=timezone.now(), formula=Formula.from_settings())
    return {
        "conversation_id": conversation.external_id,
        "title": conversation.title,
        "metadata": conversation.metadata,
        "message_count": sum(by_role.values()),
        "counts_by_role": {role: by_role.get(role, 0) for role in Role.values},
        **messages.aggregate(
            first_message_at=Min("created_at"), last_message_at=Max("created_at"), average_importance=Avg(score)
        ),
    }
