"""Change and delete stored messages, their vectors included."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from memories import embedding, search_cache
from memories.embedding_models import wanted
from memories.ingest import embed_after_commit
from memories.models import Conversation, EmbeddingStatus, EmbeddingWindow, Hold, Message, MessageEmbedding
from memories.models.message import MessageQuerySet
from memories.search import postings
from tenants.models import Tenant


class Held(Exception):
    """A legal hold keeps what was to be changed or deleted."""


@transaction.atomic
def update(message: Message, changes: Mapping[str, Any]) -> Message:
    """Apply `content`, `metadata`, `importance_override` and `archived`; changed content is embedded again.

    Raises Message.DoesNotExist if the message has been deleted since it was read, Held if a legal hold is on it.
    """
    mine = Message.objects.filter(pk=message.pk)
    _lock(mine)
    _refuse_held(mine)
    message.refresh_from_db()  # another edit may have come first: what is not changed here stays as that one left it
    embed_again = changes.get("content", message.content) != message.content
    for name in changes.keys() & {"content", "metadata", "importance_override"}:
        setattr(message, name, changes[name])
    if "archived" in changes:
        message.archived_at = (message.archived_at or timezone.now()) if changes["archived"] else None
    message.save(update_fields=["content", "metadata", "importance_override", "archived_at", "updated_at"])
    embedding.score(Message.objects.filter(pk=message.pk), now=timezone.now())
    if changes.keys() & {"content", "metadata"}:  # which may name the speaker
        postings.rewrite([message])
    if embed_again:
        _embed_again(message)
    search_cache.forget_results(message.tenant_id)
    return message


def _lock(messages: MessageQuerySet) -> set[UUID]:
    """Lock messages against workers and other edits; return whose they are.

    Embeddings first and each in order of their ids, as workers lock them: nobody waits for another in a circle.
    """
    embeddings = MessageEmbedding.objects.filter(message__in=messages).order_by("pk")
    list(embeddings.select_for_update().values_list("pk", flat=True))
    return set(messages.order_by("pk").select_for_update(of=("self",)).values_list("tenant_id", flat=True))


def _embed_again(message: Message) -> None:
    """Drop the vectors of the old text; taking the claim away voids what a worker may be computing of it just now."""
    for model in wanted(Tenant.objects.get(pk=message.tenant_id)):  # as of now: a change of model may just have begun
        MessageEmbedding.objects.get_or_create(tenant_id=message.tenant_id, message=message, model=model)
    MessageEmbedding.objects.filter(message=message).update(
        status=EmbeddingStatus.PENDING,
        attempts=0,
        claim=None,
        error="",
        queued_at=Now(),
        due_at=Now(),
        completed_at=None,
    )
    EmbeddingWindow.objects.filter(message=message).delete()
    embed_after_commit([message])


@transaction.atomic
def archive(messages: MessageQuerySet, *, at: datetime) -> int:
    """Hide live messages from search and lists as of `at`; return how many. Nothing else of them changes."""
    return _set_archived(messages.live(), at)


@transaction.atomic
def restore(messages: MessageQuerySet) -> int:
    """Have archived messages be found again, as they were; return how many."""
    return _set_archived(messages.archived(), None)


def _set_archived(messages: MessageQuerySet, at: datetime | None) -> int:
    locked = messages.order_by("pk").select_for_update(of=("self",), no_key=True)
    tenant_of = dict(locked.values_list("pk", "tenant_id"))
    for tenant_id in set(tenant_of.values()):
        search_cache.forget_results(tenant_id)
    return Message.objects.filter(pk__in=tenant_of).update(archived_at=at)


def _refuse_held(messages: MessageQuerySet) -> None:
    if messages.filter(Hold.objects.legal().reach()).exists():
        raise Held


@transaction.atomic
def delete(messages: MessageQuerySet) -> int:
    """Delete messages and their vectors; return how many. A worker that is saving one of them is waited for.

    Raises Held if a legal hold is on one of them.
    """
    tenants = _lock(messages)
    _refuse_held(messages)
    for tenant_id in tenants:
        search_cache.forget_results(tenant_id)
    return messages.delete()[1].get("memories.Message", 0)


@transaction.atomic
def delete_conversation(conversation: Conversation) -> None:
    """Delete a conversation with all its messages."""
    delete(Message.objects.filter(conversation=conversation))
    conversation.delete()
