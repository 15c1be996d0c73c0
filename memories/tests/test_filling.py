"""What has no vector is queued: by beat, after a change of settings."""

import pytest

from memories import embedding, filling
from memories.embedding_models import provider_of
from memories.filling import queue_missing
from memories.models import EmbeddingWindow, Message, MessageEmbedding
from memories.providers.base import ProviderRejected
from memories.tests.factories import ConversationFactory, MessageFactory
from memories.tests.helpers import at_once, embed_all, queue, raising
from tenants.isolation import across_tenants
from tenants.models import Tenant
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import plain_login

MOCK, SMALL = "mock:mock:64", "mock:mock:32"
pytestmark = pytest.mark.django_db


def messages_of(tenant: Tenant, count: int) -> list[Message]:
    talk = ConversationFactory.create(tenant=tenant)
    return [MessageFactory.create(conversation=talk) for _ in range(count)]


def test_a_new_model_queues_what_it_has_no_vector_of(tenant, settings):
    queue(*messages_of(tenant, 3))
    embed_all()
    assert queue_missing(MOCK) == 0
    settings.MEMORY_EMBEDDING_DIMENSIONS = 32
    assert [queue_missing(SMALL, limit=2) for _ in range(3)] == [2, 1, 0]
    assert embedding.embed_batch(provider_of(SMALL)) == 3
    assert [EmbeddingWindow.objects.filter(model=one).count() for one in (MOCK, SMALL)] == [3, 3]


def test_queueing_what_is_missing_leaves_failed_ones_failed(tenant):
    queue(*messages_of(tenant, 1))
    embedding.embed_batch(raising(ProviderRejected("wrong key")))
    assert queue_missing(MOCK) == 0
    assert MessageEmbedding.objects.get().status == "failed"


def test_only_messages_of_tenants_that_the_model_serves_are_queued(tenant):
    messages_of(tenant, 1)
    (theirs,) = messages_of(TenantFactory.create(embedding_model=SMALL), 1)
    with plain_login():
        assert (queue_missing(SMALL), queue_missing(SMALL)) == (1, 0)
    assert MessageEmbedding.objects.get(model=SMALL).message == theirs


def test_what_failed_is_queued_again_from_the_start(tenant):
    (message,) = messages_of(tenant, 1)
    queue(message, status="failed", attempts=10, error="no")
    with across_tenants():
        assert filling.queue(filling.lacking(MOCK), model=MOCK, limit=9) == [message.pk]
    row = MessageEmbedding.objects.get()
    assert (row.status, row.attempts, row.error) == ("pending", 0, "")


@pytest.mark.django_db(transaction=True)
def test_what_others_hold_is_left_to_the_next_time(tenant):
    held, free = messages_of(tenant, 2)
    with across_tenants():
        Message.objects.select_for_update().get(pk=held.pk)
        assert at_once(lambda: queue_missing(MOCK)) == [1]
    assert MessageEmbedding.objects.get().message == free
    assert queue_missing(MOCK) == 1
