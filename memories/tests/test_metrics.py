"""What this room counts is what happened, once it is committed."""

import contextlib
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from memories import embedding, metrics
from memories.facts import spend
from memories.facts.recall import Question, understand
from memories.ingest import NewMessage, store
from memories.models import EmbeddingStatus, MessageEmbedding
from memories.providers.base import ProviderRejected, ProviderUnavailable
from memories.providers.language_model import Usage
from memories.providers.mock import MockProvider
from memories.providers.resilience import Circuit, CircuitOpen
from memories.search import Query
from memories.tests.facts.flows import ingest, work_off_all
from memories.tests.helpers import embed_all, raising, searched
from tenants.tests.factories import EndUserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def commits(django_capture_on_commit_callbacks):
    """A block at whose end its transactions count as committed."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def said(*, role: str = "user", external_id: str | None = None) -> NewMessage:
    return NewMessage("c1", role, "I live in Austin.", external_id=external_id)


# --- Messages ---------------------------------------------------------------------------------------------------------


def test_stored_messages_are_counted_by_role(tenant, grown, commits):
    with commits():
        store(tenant, [said(), said(), said(role="assistant")])
    assert grown("messages_created_total", role="user") == 2
    assert grown("messages_created_total", role="assistant") == 1


def test_a_repeat_is_not_counted(tenant, grown, commits):
    for _ in range(2):
        with commits():
            store(tenant, [said(external_id="m1")])
    assert grown("messages_created_total", role="user") == 1


def test_what_is_rolled_back_is_not_counted(tenant, grown, commits):
    with commits(), transaction.atomic():
        store(tenant, [said()])
        transaction.set_rollback(True)
    assert grown("messages_created_total", role="user") == 0


# --- Embedding --------------------------------------------------------------------------------------------------------


def test_embedded_messages_are_counted_and_how_long_each_waited(tenant, grown):
    store(tenant, [said(), said()])
    MessageEmbedding.objects.update(queued_at=timezone.now() - timedelta(seconds=100))
    embed_all()
    assert grown("embedding_jobs_total", outcome="completed") == 2
    assert grown("embedding_lag_seconds_count") == 2
    assert 200 <= grown("embedding_lag_seconds_sum") < 260


def test_a_vector_of_an_edited_text_is_not_counted(tenant, grown):
    store(tenant, [said()])
    claimed = embedding.claim(MessageEmbedding.objects.due(model="mock:mock:64"))
    MessageEmbedding.objects.update(claim=None, status=EmbeddingStatus.PENDING)
    embedding._finish(claimed, MockProvider(), embedded=lambda: embedding._embed(claimed.rows, MockProvider()))
    assert grown("embedding_jobs_total", outcome="completed") == 0


@pytest.mark.parametrize(
    ("error", "outcome", "call"),
    [(ProviderUnavailable("away"), "postponed", "unavailable"), (ProviderRejected("no"), "failed", "rejected")],
)
def test_what_is_not_embedded_is_counted_by_what_becomes_of_it(tenant, grown, error, outcome, call):
    store(tenant, [said()])
    embedding.embed_batch(raising(error))
    assert grown("embedding_jobs_total", outcome=outcome) == 1
    assert grown("embedding_generation_duration_seconds_count", kind="document", outcome=call) == 1


def test_what_stopped_its_worker_too_often_is_counted_as_failed(tenant, grown, commits):
    store(tenant, [said()])
    MessageEmbedding.objects.update(attempts=embedding.MAX_ATTEMPTS)
    with commits():
        embed_all()
    assert grown("embedding_jobs_total", outcome="failed") == 1


# --- Search and recall ------------------------------------------------------------------------------------------------


def test_searches_are_counted_and_timed_by_cache(tenant, grown):
    for _ in range(3):
        searched(tenant, Query("Austin"))
    assert grown("memory_searches_total", mode="hybrid", cache="miss", degraded="false") == 1
    assert grown("memory_searches_total", mode="hybrid", cache="hit", degraded="false") == 2
    assert grown("memory_search_duration_seconds_count", cache="hit") == 2
    assert grown("embedding_generation_duration_seconds_count", kind="query", outcome="ok") == 1


def test_a_search_by_words_alone_is_counted_as_degraded(tenant, grown):
    searched(tenant, Query("Austin"), provider=raising(ProviderUnavailable("away")))
    assert grown("memory_searches_total", mode="hybrid", cache="miss", degraded="true") == 1


def test_recalls_are_counted(grown):
    understand(Question("Where do I live?"), provider=MockProvider())
    understand(Question("Where do I work?"), provider=raising(ProviderUnavailable("away")))
    assert grown("memory_recalls_total", degraded="false") == 1
    assert grown("memory_recalls_total", degraded="true") == 1


@pytest.mark.parametrize("known", [True, False])
def test_the_time_of_a_recall_is_observed(api, tenant, grown, known):
    user = EndUserFactory.create(tenant=tenant, external_id="maya")
    asked = {"user_id": user.external_id if known else "nobody", "query": "Where do I live?"}
    assert api.post("/v1/recall", asked).status_code == 200
    assert grown("memory_recall_duration_seconds_count") == 1


# --- Facts and vendors ------------------------------------------------------------------------------------------------


def test_facts_are_counted_by_what_became_of_them(tenant, grown, commits):
    user = EndUserFactory.create(tenant=tenant)
    for said_now in ("I live in Austin.", "I moved to Dallas."):
        ingest(user, said_now)
        with commits():
            work_off_all()
    assert grown("facts_extracted_total", outcome="inserted") == 1
    assert grown("facts_extracted_total", outcome="superseding") == 1


def test_tokens_and_their_cost_are_counted(tenant, grown):
    usage = Usage(calls=1, input_tokens=100, output_tokens=20, cost=Decimal("0.25"))
    spend.record(tenant, usage, model="openai:gpt", now=timezone.now())
    assert grown("llm_tokens_total", model="openai:gpt", direction="input") == 100
    assert grown("llm_tokens_total", model="openai:gpt", direction="output") == 20
    assert grown("llm_cost_dollars_total", model="openai:gpt") == 0.25


def attempt(circuit: Circuit, error: Exception | None) -> None:
    with circuit.attempt():
        if error:
            raise error


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(None, "ok"), (ProviderUnavailable(""), "unavailable"), (ProviderRejected(""), "rejected"), (OSError(), "error")],
)
def test_attempts_at_a_vendor_are_timed_by_outcome(grown, error, outcome):
    circuit = Circuit("Vendor", failure_threshold=2, recovery_seconds=30)
    with contextlib.suppress(ProviderUnavailable, ProviderRejected, OSError):
        attempt(circuit, error)
    assert grown("provider_request_duration_seconds_count", vendor="Vendor", outcome=outcome) == 1


def test_an_open_circuit_shows_until_the_vendor_answers_and_what_it_refuses_is_no_attempt(grown):
    now = 0.0
    circuit = Circuit("Vendor", failure_threshold=2, recovery_seconds=30, clock=lambda: now)
    for expected in (0, 1):
        assert grown("provider_circuit_open", vendor="Vendor") == 0
        with pytest.raises(ProviderUnavailable):
            attempt(circuit, ProviderUnavailable(""))
        assert grown("provider_circuit_open", vendor="Vendor") == expected
    with pytest.raises(CircuitOpen):
        attempt(circuit, None)
    assert grown("provider_request_duration_seconds_count", vendor="Vendor", outcome="unavailable") == 2
    now = 31.0
    with pytest.raises(ProviderUnavailable):
        attempt(circuit, ProviderUnavailable(""))
    assert grown("provider_circuit_open", vendor="Vendor") == 1
    now = 62.0
    attempt(circuit, None)
    assert grown("provider_circuit_open", vendor="Vendor") == 0


def test_an_interrupted_block_counts_as_an_error(grown):
    with pytest.raises(KeyboardInterrupt), metrics.timed(metrics.embedding_seconds, kind="query"):
        raise KeyboardInterrupt
    assert grown("embedding_generation_duration_seconds_count", kind="query", outcome="error") == 1
