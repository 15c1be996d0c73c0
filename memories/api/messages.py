"""`/v1/messages`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import extend_schema
from drf_standardized_errors.formatter import flatten_errors
from rest_framework import exceptions, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from memories import editing, ingest
from memories.api import serializers as shapes
from memories.embedding_models import serving
from memories.ingest import NewMessage
from memories.models import Message, MessageEmbedding
from memories.models.message import MessageQuerySet
from memories.search import FILTERS
from tenants.api.base import METADATA_PARAMETER, TenantViewSet, page, shown, validated
from tenants.api.serializers import TenantQuery
from tenants.idempotency import once
from tenants.isolation import tenant_scope
from tenants.models import Tenant

Errors = list[dict[str, Any]]


@extend_schema(tags=["Messages"])
class MessageViewSet(TenantViewSet):
    """Store, read, change and delete messages."""

    lookup_url_kwarg = "message_id"
    lookup_value_converter = "uuid"

    @extend_schema(parameters=[shapes.MessageQuery, METADATA_PARAMETER], responses=shapes.MessagePage)
    def list(self, request: Request) -> Response:
        """Messages, newest first; archived ones only with `archived=true`. `metadata.KEY=VALUE` filters by metadata."""
        given = self.query(shapes.MessageQuery)
        with self.scope(given) as tenant:
            messages = matching(tenant, self.with_own_user(given))
            rows, next_cursor = page(messages, limit=given["limit"], cursor=given.get("cursor"))
        return Response({"items": [shown(shapes.MessageSerializer, row) for row in rows], "next_cursor": next_cursor})

    @extend_schema(
        request=shapes.NewMessageSerializer,
        responses={200: shapes.MessageSerializer, 202: shapes.MessageSerializer},
        parameters=[TenantQuery],
    )
    def create(self, request: Request) -> Response:
        """Store a message: 202 when its embedding is queued, 200 when it was computed inline or the message stood."""
        given = self.with_own_user(self.body(shapes.NewMessageSerializer))
        tenant = self.tenant_of_body(given, create=True)
        response = once(request, tenant, lambda: _created(tenant, given))
        return _as_embedded(tenant, response, [response.data])

    @extend_schema(responses=shapes.MessageSerializer, parameters=[TenantQuery])
    def retrieve(self, request: Request, message_id: UUID) -> Response:
        with self.scope() as tenant:
            return Response(shown(shapes.MessageSerializer, one(tenant, message_id)))

    @extend_schema(request=shapes.MessageUpdateSerializer, responses=shapes.MessageSerializer, parameters=[TenantQuery])
    def update(self, request: Request, message_id: UUID) -> Response:
        """Change the fields that are given; changed content is embedded again."""
        with self.scope() as tenant:
            editing.update(one(tenant, message_id), self.body(shapes.MessageUpdateSerializer))
        with self.caller.scope(tenant):  # once more: inline embedding follows the commit
            return Response(shown(shapes.MessageSerializer, one(tenant, message_id)))

    partial_update = update

    @extend_schema(parameters=[TenantQuery], responses={204: None})
    def destroy(self, request: Request, message_id: UUID) -> Response:
        """Delete a message and its vectors."""
        with self.scope() as tenant:
            if not editing.delete(Message.objects.for_tenant(tenant).filter(pk=message_id)):
                raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        request=shapes.BatchSerializer,
        responses={201: shapes.BatchCreated, 207: shapes.BatchCreated},
        parameters=[TenantQuery],
    )
    @action(detail=False, methods=["post"])
    def batch(self, request: Request) -> Response:
        """Store up to 1,000 messages of one tenant: 201 when all were, 207 with the reasons when some were refused."""
        given = self.body(shapes.BatchSerializer)
        slugs = [item.get("tenant_id") for item in given["messages"]]
        slug = given.get("tenant_id") or next((slug for slug in slugs if isinstance(slug, str)), None)
        tenant = self.tenant_of_body(validated(TenantQuery, {"tenant_id": slug} if slug else {}), create=True)
        response = once(request, tenant, lambda: self._batch_created(tenant, given["messages"]))
        return _as_embedded(tenant, response, response.data["created"])

    def _batch_created(self, tenant: Tenant, items: Sequence[Any]) -> Response:
        valid, errors = _sorted_out(items, lambda item: self.with_own_user(_item_of(tenant, item)))
        stored = ingest.store(tenant, [_new_message(given) for _, given in valid]) if valid else []
        created = [shown(shapes.MessageSerializer, each.message) for each in stored]
        return _batch_response("created", created, errors, all_done=status.HTTP_201_CREATED)

    @extend_schema(
        request=shapes.BatchUpdateSerializer,
        responses={200: shapes.BatchUpdated, 207: shapes.BatchUpdated},
        parameters=[TenantQuery],
    )
    @action(detail=False, methods=["post"], url_path="batch/update")
    def batch_update(self, request: Request) -> Response:
        """Change up to 1,000 messages; 207 with the reasons when some were refused."""
        given = self.body(shapes.BatchUpdateSerializer)
        tenant = self.tenant_of_body(given)
        response = once(request, tenant, lambda: _batch_updated(tenant, given["updates"]))
        return _as_embedded(tenant, response, response.data["updated"])

    @extend_schema(
        request=shapes.BatchDeleteSerializer,
        responses={200: shapes.BatchDeleted, 207: shapes.BatchDeleted},
        parameters=[TenantQuery],
    )
    @action(detail=False, methods=["post"], url_path="batch/delete")
    def batch_delete(self, request: Request) -> Response:
        """Delete up to 1,000 messages; 207 names those that are not there."""
        given = self.body(shapes.BatchDeleteSerializer)
        tenant = self.tenant_of_body(given)
        return once(request, tenant, lambda: _batch_deleted(tenant, given["message_ids"]))


def matching(tenant: Tenant, given: dict[str, Any]) -> MessageQuerySet:
    """The tenant's messages that the filters of a list leave, ready to be shown."""
    model = serving(tenant)
    messages = Message.objects.matching(tenant, **{name: given.get(name) for name in FILTERS})
    messages = messages.archived() if given["archived"] else messages.live()
    if "embedding_status" in given:
        messages = messages.with_embedding_status(given["embedding_status"], model=model)
    return messages.for_display(model=model)


def one(tenant: Tenant, message_id: UUID) -> Message:
    """The tenant's message with this id; Http404 when there is none, whoever else may have it."""
    message = Message.objects.for_tenant(tenant).for_display(model=serving(tenant)).filter(pk=message_id).first()
    if message is None:
        raise Http404
    return message


def _created(tenant: Tenant, given: dict[str, Any]) -> Response:
    (stored,) = ingest.store(tenant, [_new_message(given)])
    queued = stored.is_new and settings.MEMORY_ASYNC_EMBEDDINGS
    return Response(
        shown(shapes.MessageSerializer, stored.message),
        status=status.HTTP_202_ACCEPTED if queued else status.HTTP_200_OK,
    )


def _as_embedded(tenant: Tenant, response: Response, shown: Sequence[dict[str, Any]]) -> Response:
    """Inline embedding follows the commit: the messages shown in `response`, made before it, learn how it went."""
    if not settings.MEMORY_ASYNC_EMBEDDINGS:
        rows = MessageEmbedding.objects.filter(tenant=tenant, message__in=[message["id"] for message in shown])
        mine = rows.filter(model=serving(tenant))
        with tenant_scope(tenant):
            status_of = {str(pk): status for pk, status in mine.values_list("message_id", "status")}
        for message in shown:
            message["embedding_status"] = status_of.get(message["id"], message["embedding_status"])
    return response


def _new_message(given: dict[str, Any]) -> NewMessage:
    return NewMessage(**{name: value for name, value in given.items() if name != "tenant_id"})


def _item_of(tenant: Tenant, item: Any) -> dict[str, Any]:
    given = validated(shapes.NewMessageSerializer, item)
    if given.get("tenant_id", tenant.slug) != tenant.slug:
        raise exceptions.ValidationError(
            {"tenant_id": f'A batch is of one tenant, this one of "{tenant.slug}".'}, code="tenant_mismatch"
        )
    return given


def _batch_updated(tenant: Tenant, items: Sequence[Any]) -> Response:
    def apply(item: Any) -> UUID:
        given = validated(shapes.BatchUpdateItem, item)
        editing.update(one(tenant, given["message_id"]), given["update"])
        return cast("UUID", given["message_id"])

    done, errors = _sorted_out(items, apply)
    mine = Message.objects.for_tenant(tenant).for_display(model=serving(tenant))
    messages = mine.in_bulk([pk for _, pk in done])
    updated = [shown(shapes.MessageSerializer, messages[pk]) for _, pk in done]
    return _batch_response("updated", updated, errors, all_done=status.HTTP_200_OK)


def _batch_deleted(tenant: Tenant, message_ids: Sequence[UUID]) -> Response:
    mine = Message.objects.for_tenant(tenant).filter(pk__in=message_ids)
    found = set(mine.values_list("pk", flat=True))

    def check(message_id: UUID) -> str:
        if message_id not in found:
            raise Http404
        return str(message_id)

    deleted, errors = _sorted_out(message_ids, check)
    editing.delete(mine)
    return _batch_response("deleted", [pk for _, pk in deleted], errors, all_done=status.HTTP_200_OK)


def _sorted_out(items: Iterable[Any], act: Callable[[Any], Any]) -> tuple[Sequence[tuple[int, Any]], Errors]:
    """`act` on each item: (index, result) of those it took, an error entry for each complaint about the others."""
    done, errors = [], []
    for index, item in enumerate(items):
        try:
            done.append((index, act(item)))
        except (Http404, Message.DoesNotExist):
            errors.append(
                {"index": index, "code": "not_found", "detail": "There is no such message.", "attr": "message_id"}
            )
        except exceptions.ValidationError as error:
            errors += [{"index": index, **asdict(complaint)} for complaint in flatten_errors(error.detail)]
    return done, errors


def _batch_response(name: str, done: Any, errors: Errors, *, all_done: int) -> Response:
    return Response({name: done, "errors": errors}, status=status.HTTP_207_MULTI_STATUS if errors else all_done)
