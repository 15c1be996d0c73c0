"""Messages that a model has no vector of, given to the embedding workers a portion at a time."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Exists, OuterRef

from memories.embedding_models import served_by
from memories.models import EmbeddingStatus, Message, MessageEmbedding
from memories.models.embedding import MessageEmbeddingQuerySet
from memories.models.message import MessageQuerySet
from tenants.isolation import across_tenants


def unasked(model: str) -> MessageQuerySet:
    """Messages that the model was never asked for."""
    return Message.objects.filter(~Exists(_rows(model)))


def lacking(model: str) -> MessageQuerySet:
    """Those, and the ones that it failed at."""
    return Message.objects.filter(~Exists(_rows(model).exclude(status=EmbeddingStatus.FAILED)))


def _rows(model: str) -> MessageEmbeddingQuerySet:
    return MessageEmbedding.objects.filter(message=OuterRef("pk"), model=model)


def queue(messages: MessageQuerySet, *, model: str, limit: int) -> Sequence[UUID]:
    """Have the first of these embedded by the model, failed ones from the start; return which, in their order.

    What others hold is left out: a message may just be going.
    """
    standing = messages.select_for_update(skip_locked=True, of=("self",)).values_list("pk", "tenant_id")
    rows = [MessageEmbedding(message_id=pk, tenant_id=tenant, model=model) for pk, tenant in standing[:limit]]
    MessageEmbedding.objects.bulk_create(rows, ignore_conflicts=True)
    keys = [row.message_id for row in rows]
    MessageEmbedding.objects.filter(message__in=keys, model=model, status=EmbeddingStatus.FAILED).retry()
    return keys


@across_tenants()
def queue_missing(model: str, *, limit: int = 10_000) -> int:
    """Queue messages that the model of their tenant was never asked for, as after a change of settings; how many."""
    theirs = unasked(model).filter(tenant__in=served_by(model))
    return len(queue(theirs, model=model, limit=limit))
