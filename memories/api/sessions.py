"""`/v1/sessions`, `/v1/history` and `/v1/ingest`: conversations as the fact engine sees them."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api import fact_shapes as shapes
from memories.ingest import NewMessage, Taken, ingest_turn
from memories.models import Conversation, Message
from tenants import end_users
from tenants.api.base import TenantViewSet
from tenants.api.serializers import TenantQuery
from tenants.idempotency import once
from tenants.ids import new_id
from tenants.models import Tenant


@extend_schema(tags=["Sessions"])
class SessionViewSet(TenantViewSet):
    """A session is a conversation with one end user; its id is good wherever a `conversation_id` is."""

    @extend_schema(request=shapes.NewSession, responses={201: shapes.SessionSerializer}, parameters=[TenantQuery])
    def create(self, request: Request) -> Response:
        """Begin a session. Ingesting a turn under a session_id of your own begins one, too."""
        given = self.body(shapes.NewSession)
        user_id = self.user_of(given)
        tenant = self.tenant_of_body(given, create=True)
        return once(request, tenant, lambda: _begun(tenant, user_id))

    @extend_schema(parameters=[shapes.HistoryQuery], responses=shapes.History)
    def history(self, request: Request, session_id: str) -> Response:
        """The last turns of a session, oldest first; archived ones are left out."""
        given = self.query(shapes.HistoryQuery)
        with self.scope(given) as tenant:
            session = Conversation.objects.known_as(tenant, session_id)
            turns = Message.objects.for_tenant(tenant).live().filter(conversation=session)
            latest = turns.select_related("conversation").order_by("-created_at", "-pk")[: given["limit"]]
            messages = shapes.HistoryTurn(reversed(latest), many=True).data
        return Response({"session_id": session.external_id if session else session_id, "messages": messages})

    @extend_schema(request=shapes.NewTurn, responses={201: shapes.IngestedTurn}, parameters=[TenantQuery])
    def ingest(self, request: Request) -> Response:
        """Store a turn, and queue its embedding and the extraction of facts from it.

        Facts are read from the turns of a session when it pauses; `/v1/jobs/{job_id}` tells when that is done. With an
        `external_id`, a repeat returns what the first call did.
        """
        given = self.body(shapes.NewTurn)
        user_id = self.user_of(given)
        tenant = self.tenant_of_body(given, create=True)
        return once(request, tenant, lambda: _ingested(tenant, {**given, "user_id": user_id}))


def _begun(tenant: Tenant, user_id: str) -> Response:
    end_user = end_users.found_or_made(tenant, [user_id])[user_id]
    pk = new_id()
    session = Conversation.objects.create(pk=pk, tenant=tenant, end_user=end_user, external_id=str(pk))
    session.refresh_from_db(fields=["created_at"])
    return Response(shapes.SessionSerializer(session).data, status=status.HTTP_201_CREATED)


def _ingested(tenant: Tenant, given: dict[str, Any]) -> Response:
    turn = {name: value for name, value in given.items() if name not in ("tenant_id", "session_id")}
    session = Conversation.objects.known_as(tenant, given["session_id"])
    name = session.external_id if session else given["session_id"]
    try:
        ingested = ingest_turn(tenant, NewMessage(conversation_id=name, **turn))
    except Taken as taken:
        raise _in_words_of_sessions(taken, name) from None
    queued = {"status": "queued", "job_id": ingested.job and ingested.job.pk, "chat_log_id": ingested.message.pk}
    return Response(shapes.IngestedTurn(queued).data, status=status.HTTP_201_CREATED)


def _in_words_of_sessions(taken: Taken, session_id: str) -> Taken:
    return Taken("session_id", session_id) if taken.field == "conversation_id" else taken
