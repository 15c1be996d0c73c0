import uuid
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.utils import timezone

from memories import embedding, ingest
from memories.embedding import BACKOFF_FIRST, BACKOFF_MAX, BATCH, LEASE, MAX_ATTEMPTS, SUSPECT_ATTEMPTS
from memories.importance import Formula, importance
from memories.ingest import NewMessage
from memories.models import EmbeddingStatus, EmbeddingWindow, Message, MessageEmbedding
from memories.providers.base import ProviderRejected, ProviderUnavailable, UnusableAnswer, model_key
from memories.providers.mock import MockProvider
from memories.providers.resilience import CircuitOpen
from memories.tests.factories import ConversationFactory, MessageFactory
from memories.tests.helpers import WillfulProvider, at_once, embed_all, queue, raising, while_embedding

MOCK = model_key(MockProvider())
PAST = timedelta(hours=-1)


def rows() -> list[MessageEmbedding]:
    return list(MessageEmbedding.objects.order_by("message__created_at", "message"))


def make_due() -> None:
    MessageEmbedding.objects.update(due_at=timezone.now() + PAST)


def queued(count: int = 1) -> list[Message]:
    conversation = ConversationFactory.create()
    messages = [MessageFactory.create(conversation=conversation) for _ in range(count)]
    queue(*messages)
    return messages


def claim() -> embedding.Claimed:
    return embedding.claim(MessageEmbedding.objects.due(model=MOCK))


def vectors_of(claimed: embedding.Claimed) -> list[embedding.Embedded]:
    provider = MockProvider()
    return [embedding.Embedded(row, provider.embed_documents([row.message.content]), [None]) for row in claimed.rows]


# --- From pending to searchable ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_due_messages_become_completed() -> None:
    message, *_ = queued(3)
    assert embedding.embed_batch(MockProvider()) == 3
    assert {(row.status, row.claim, row.attempts, row.error) for row in rows()} == {("completed", None, 1, "")}
    (vector,) = message.windows.values_list("vector", flat=True)
    assert vector == pytest.approx(MockProvider().embed_documents([message.content])[0], abs=1e-3)


@pytest.mark.django_db
def test_nothing_due_is_nothing_done() -> None:
    queued()
    embed_all()
    assert embedding.embed_batch(raising(AssertionError("there is no work"))) == 0


@pytest.mark.django_db
def test_a_batch_has_its_limit() -> None:
    queued(BATCH + 1)
    assert [embedding.embed_batch(MockProvider()) for _ in range(3)] == [BATCH, 1, 0]


@pytest.mark.django_db
def test_long_texts_make_short_batches(monkeypatch) -> None:
    monkeypatch.setattr(embedding, "BATCH_CHARACTERS", 100)
    conversation = ConversationFactory.create()
    queue(*[MessageFactory.create(conversation=conversation, content="x" * size) for size in (60, 40, 1, 300, 10)])
    assert [embedding.embed_batch(MockProvider()) for _ in range(5)] == [2, 1, 1, 1, 0]


@pytest.mark.django_db
def test_only_the_named_messages_are_taken_up() -> None:
    first, second = queued(2)
    assert embedding.embed_batch(MockProvider(), only=[second.pk]) == 1
    assert [row.status for row in rows()] == ["pending", "completed"]
    assert not first.windows.exists()


@pytest.mark.django_db
def test_work_of_another_model_is_left_alone() -> None:
    queued()
    assert embedding.embed_batch(MockProvider(dimensions=32)) == 0


@pytest.mark.django_db
def test_long_content_has_several_windows() -> None:
    message = MessageFactory.create(content="word " * 1000 + "the very last thing was a zebra")
    queue(message)
    embed_all()
    assert list(message.windows.order_by("position").values_list("position", flat=True)) == [0, 1, 2]
    nearest = max(message.windows.all(), key=lambda one: np.dot(one.vector, MockProvider().embed_query("zebra")))
    assert nearest.position == 2


@pytest.mark.django_db
def test_vectors_of_a_batch_go_to_their_own_messages() -> None:
    conversation = ConversationFactory.create()
    messages = [
        MessageFactory.create(conversation=conversation, content=f"{word} " * 600) for word in ("cat", "tax", "sea")
    ]
    queue(*messages)
    embed_all()
    for message in messages:
        expected = MockProvider().embed_documents(MockProvider().split(message.content))
        actual = np.array(message.windows.order_by("position").values_list("vector", flat=True))
        assert len(actual) == 2
        assert actual == pytest.approx(expected, abs=1e-3)


@pytest.mark.django_db
def test_the_score_of_the_moment_is_written() -> None:
    (message,) = queued()
    Message.objects.update(stored_importance=None, created_at=timezone.now() - timedelta(days=7))
    embed_all()
    message.refresh_from_db()
    expected = importance(message.role, None, message.created_at, now=timezone.now(), formula=Formula.from_settings())
    assert message.stored_importance == pytest.approx(expected, abs=1e-4)


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_provider_works() -> None:
    open_then: list[bool] = []
    queued(2)
    embedding.embed_batch(WillfulProvider(lambda texts: open_then.append(connection.in_atomic_block)))
    assert open_then == [False]
    assert {row.status for row in rows()} == {"completed"}


# --- Claims -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_workers_claim_different_rows(monkeypatch) -> None:
    monkeypatch.setattr(embedding, "BATCH", 5)
    queued(20)
    claims = at_once(*[claim] * 4)
    taken = [row.pk for claimed in claims for row in claimed.rows]
    assert len(taken) == len(set(taken))
    assert set(taken) == set(MessageEmbedding.objects.exclude(claim=None).values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_row_that_another_worker_is_claiming_is_skipped() -> None:
    messages = queued(3)
    with transaction.atomic():
        held = MessageEmbedding.objects.select_for_update().get(message=messages[0])
        (claimed,) = at_once(claim)
    assert {row.pk for row in claimed.rows} == {row.pk for row in rows()} - {held.pk}


@pytest.mark.django_db
def test_a_claim_lasts_its_lease() -> None:
    queued()
    assert len(claim().rows) == 1
    assert claim().rows == []
    (row,) = rows()
    assert timedelta(seconds=1) < row.due_at - timezone.now() <= LEASE


@pytest.mark.django_db
def test_an_expired_claim_is_taken_up_again() -> None:
    queued()
    first = claim()
    make_due()
    second = claim()
    assert first.claim != second.claim
    assert [row.pk for row in first.rows] == [row.pk for row in second.rows]


@pytest.mark.django_db
def test_a_late_worker_saves_nothing() -> None:
    queued()
    late = claim()
    make_due()
    claim()
    embedding.save(vectors_of(late), claim=late.claim)
    assert not EmbeddingWindow.objects.exists()
    assert [row.status for row in rows()] == ["processing"]


@pytest.mark.django_db
def test_a_late_failure_changes_nothing() -> None:
    queued()

    def lose_the_claim(texts: Sequence[str]) -> None:
        make_due()
        embed_all()
        raise ProviderRejected("too late to matter")

    embedding.embed_batch(WillfulProvider(lose_the_claim))
    assert [(row.status, row.error) for row in rows()] == [("completed", "")]


@pytest.mark.django_db
def test_what_is_lost_of_a_batch_does_not_keep_the_rest() -> None:
    lost, kept = queued(2)
    claimed = claim()
    MessageEmbedding.objects.filter(message=lost).update(claim=uuid.uuid4())
    embedding.save(vectors_of(claimed), claim=claimed.claim)
    assert [row.status for row in rows()] == ["processing", "completed"]
    assert list(EmbeddingWindow.objects.values_list("message", flat=True)) == [kept.pk]


@pytest.mark.django_db(transaction=True)
def test_a_message_deleted_meanwhile_leaves_nothing() -> None:
    first, second = queued(2)
    with while_embedding():
        first.delete()
    assert list(EmbeddingWindow.objects.values_list("message", flat=True)) == [second.pk]
    assert [row.status for row in rows()] == ["completed"]


# --- Failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_unavailable_provider_means_a_pause_that_doubles() -> None:
    queued()
    pauses = []
    for _ in range(MAX_ATTEMPTS - 1):
        make_due()
        before = timezone.now()
        embedding.embed_batch(raising(ProviderUnavailable("the vendor answered HTTP 503")))
        (row,) = rows()
        assert (row.status, row.claim, row.error) == ("pending", None, "the vendor answered HTTP 503")
        pauses.append((row.due_at - before).total_seconds())
    expected = [min(BACKOFF_FIRST * 2**n, BACKOFF_MAX).total_seconds() for n in range(MAX_ATTEMPTS - 1)]
    assert pauses == pytest.approx(expected, abs=3)


@pytest.mark.django_db
def test_while_the_circuit_is_open_no_attempt_is_counted() -> None:
    """However long a vendor is away, nothing of what waits for it is given up."""
    queued()
    MessageEmbedding.objects.update(attempts=MAX_ATTEMPTS - 1)
    before = timezone.now()
    embedding.embed_batch(raising(CircuitOpen("calls are paused", retry_after=20)))
    (row,) = rows()
    assert (row.status, row.claim, row.attempts) == ("pending", None, MAX_ATTEMPTS - 1)
    assert timedelta(seconds=19) < row.due_at - before < timedelta(seconds=40)


@pytest.mark.django_db
def test_the_last_attempt_fails_with_the_reason() -> None:
    queued()
    MessageEmbedding.objects.update(attempts=MAX_ATTEMPTS - 1)
    embedding.embed_batch(raising(ProviderUnavailable("the vendor answered HTTP 503")))
    (row,) = rows()
    assert (row.status, row.error) == ("failed", "the vendor answered HTTP 503")
    make_due()
    assert embedding.embed_batch(MockProvider()) == 0


@pytest.mark.django_db
def test_a_refused_text_fails_alone() -> None:
    conversation = ConversationFactory.create()
    queue(*[MessageFactory.create(conversation=conversation, content=text) for text in ("good", "bad", "fine")])

    def refuse(texts: Sequence[str]) -> None:
        if "bad" in texts:
            raise ProviderRejected("the input is not accepted")

    embedding.embed_batch(WillfulProvider(refuse))
    assert [(row.status, row.error) for row in rows()] == [
        ("completed", ""),
        ("failed", "the input is not accepted"),
        ("completed", ""),
    ]


@pytest.mark.django_db
def test_an_answer_that_is_no_use_is_asked_for_again() -> None:
    """The vendor was wrong, which says nothing of the texts."""
    queued(2)
    embedding.embed_batch(raising(UnusableAnswer("vectors of shape (1, 3), expected (2, 32)")))
    assert [(row.status, row.claim, row.attempts) for row in rows()] == [("pending", None, 1)] * 2
    make_due()
    assert embedding.embed_batch(MockProvider()) == 2


@pytest.mark.django_db
def test_a_worker_that_is_told_to_stop_gives_back_what_it_claimed() -> None:
    queued(2)
    with pytest.raises(SoftTimeLimitExceeded):
        embedding.embed_batch(raising(SoftTimeLimitExceeded()))
    assert [(row.status, row.claim) for row in rows()] == [("pending", None)] * 2
    assert embedding.embed_batch(MockProvider()) == 2


@pytest.mark.django_db
def test_a_text_that_stops_its_worker_fails_in_the_end() -> None:
    queued()
    for _ in range(MAX_ATTEMPTS):
        make_due()
        with pytest.raises(SystemError):
            embedding.embed_batch(raising(SystemError("as if killed")))
    make_due()
    assert embedding.embed_batch(MockProvider()) == 0
    assert [(row.status, row.claim, row.error) for row in rows()] == [
        ("failed", None, "The worker stopped in each of 10 attempts.")
    ]


@pytest.mark.django_db
def test_a_text_that_stops_its_worker_takes_no_others_along() -> None:
    conversation = ConversationFactory.create()
    queue(*[MessageFactory.create(conversation=conversation, content=text) for text in ("good", "deadly", "fine")])

    def die(texts: Sequence[str]) -> None:
        if "deadly" in texts:
            raise SystemError("as if killed")

    while MessageEmbedding.objects.filter(status__in=["pending", "processing"]).exists():
        make_due()
        try:
            embedding.embed_batch(WillfulProvider(die))
        except SystemError:
            continue
    assert [row.status for row in rows()] == ["completed", "failed", "completed"]


@pytest.mark.django_db
def test_a_suspect_is_taken_alone() -> None:
    queued(3)
    abandoned = {"status": EmbeddingStatus.PROCESSING, "claim": uuid.uuid4(), "attempts": SUSPECT_ATTEMPTS}
    MessageEmbedding.objects.filter(pk=rows()[1].pk).update(**abandoned)
    assert [embedding.embed_batch(MockProvider()) for _ in range(4)] == [1, 1, 1, 0]


@pytest.mark.django_db
def test_after_an_outage_of_the_provider_batches_are_full_again() -> None:
    queued(5)
    MessageEmbedding.objects.update(attempts=SUSPECT_ATTEMPTS + 1)
    assert embedding.embed_batch(MockProvider()) == 5


@pytest.mark.django_db
def test_failed_ones_can_be_tried_again() -> None:
    queued(2)
    embedding.embed_batch(raising(ProviderRejected("wrong key")))
    assert MessageEmbedding.objects.filter(status=EmbeddingStatus.FAILED).retry() == 2
    assert {(row.status, row.attempts, row.error) for row in rows()} == {("pending", 0, "")}
    embed_all()
    assert {row.status for row in rows()} == {"completed"}


# --- Under load -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_stores_and_workers_at_once_leave_nothing_undone(tenant) -> None:
    batches = [[NewMessage(f"c{n}", "user", f"turn {n} {i}") for i in range(40)] for n in range(3)]
    stores = [lambda batch=batch: ingest.store(tenant, batch) for batch in batches]
    at_once(*stores, embed_all, embed_all)
    embed_all()
    assert {row.status for row in rows()} == {"completed"}
    assert EmbeddingWindow.objects.count() == 120
