"""`embedding.embed_due`: batch after batch, the next one claimed while the model is at one."""

import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from memories import embedding
from memories.embedding import SUSPECT_ATTEMPTS, embed_due
from memories.models import EmbeddingStatus, Message, MessageEmbedding
from memories.providers.mock import MockProvider
from memories.tests.factories import ConversationFactory, MessageFactory
from memories.tests.helpers import DEADLINE, WillfulProvider, queue

TEXTS = ["one", "two", "three", "four"]


def soon() -> float:
    return time.monotonic() + DEADLINE


def statuses() -> list[str]:
    """In the order in which they are taken up."""
    return list(MessageEmbedding.objects.order_by("due_at", "pk").values_list("status", flat=True))


@pytest.fixture
def one_at_a_time(monkeypatch) -> None:
    monkeypatch.setattr(embedding, "BATCH", 1)


@pytest.fixture
def queued(db, one_at_a_time) -> list[Message]:
    conversation = ConversationFactory.create()
    messages = [MessageFactory.create(conversation=conversation, content=text) for text in TEXTS]
    queue(*messages)
    return messages


def test_it_goes_on_until_nothing_is_due(queued) -> None:
    assert embed_due(MockProvider(), until=soon()) == 4
    assert set(statuses()) == {"completed"}
    assert [message.windows.count() for message in queued] == [1, 1, 1, 1]


def test_one_batch_is_embedded_however_late_it_is(queued) -> None:
    assert embed_due(MockProvider(), until=0.0) == 1
    assert sorted(statuses()) == ["completed", "pending", "pending", "pending"]


def test_the_next_batch_is_claimed_while_the_model_is_at_one(queued, monkeypatch) -> None:
    claimed_two = Event()
    claim, batches = embedding.claim, []

    def counting(due):
        batches.append(claim(due))
        if len(batches) == 2:
            claimed_two.set()
        return batches[-1]

    monkeypatch.setattr(embedding, "claim", counting)
    waited = []
    assert embed_due(WillfulProvider(lambda texts: waited.append(claimed_two.wait(DEADLINE))), until=soon()) == 4
    assert all(waited)


def test_a_suspect_takes_no_batch_along(queued) -> None:
    abandoned = {"status": EmbeddingStatus.PROCESSING, "claim": uuid.uuid4(), "attempts": SUSPECT_ATTEMPTS}
    MessageEmbedding.objects.filter(message=queued[1]).update(**abandoned)
    calls: list[list[str]] = []
    attempts: list[int] = []

    class Watched(ThreadPoolExecutor):
        def submit(self, call, /, *arguments, **named):
            attempts.append(MessageEmbedding.objects.filter(status=EmbeddingStatus.PROCESSING).count())
            return super().submit(call, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding, "ThreadPoolExecutor", Watched)
        assert embed_due(WillfulProvider(lambda texts: calls.append(list(texts))), until=soon()) == 4
    at = calls.index(["two"])
    assert attempts[at] == 1  # itself


def test_what_was_begun_is_given_back_when_the_worker_breaks_off(queued) -> None:
    def fail(texts: Sequence[str]) -> None:
        raise SystemError("as if told to stop")

    with pytest.raises(SystemError):
        embed_due(WillfulProvider(fail), until=soon())
    assert sorted(statuses()) == ["pending", "pending", "pending", "processing"]
