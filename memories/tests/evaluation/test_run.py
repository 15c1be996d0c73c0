"""A set of one's own tenant: stored, embedded, asked, removed."""

import io

import pytest
from django.core.cache import cache

from memories import embedding, search_cache
from memories.evaluation import reading, run
from memories.evaluation.run import NotEmbedded, Setting
from memories.models import Conversation, EmbeddingStatus, EmbeddingWindow, Message, MessageEmbedding
from memories.providers import ProviderRejected, ProviderUnavailable
from memories.providers.mock import MockProvider
from memories.tests.evaluation.files import json_lines
from memories.tests.helpers import raising
from tenants.isolation import across_tenants
from tenants.models import AuditEvent, EndUser, Tenant
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db


def nothing(_: int) -> None:
    """Nobody looks at the progress."""


@pytest.fixture
def labelled():
    return reading.read(io.BufferedReader(io.BytesIO(json_lines())))


@pytest.fixture
def filled(labelled):
    with plain_login(), run.tenant_of_its_own() as tenant:
        run.store(tenant, labelled, on_progress=nothing)
        yield tenant


def test_what_is_asked_is_answered_by_the_search_of_the_product(filled, labelled) -> None:
    run.embed(filled, provider=MockProvider(), on_progress=nothing)
    question = labelled.questions[1]
    answer = run.ask(filled, question, provider=MockProvider(), setting=Setting(), now=filled.created_at)
    assert answer.ranked[0] in question.relevant
    assert question.relevant <= answer.shown
    assert answer.sessions[0] == "boat"


def test_neighbours_are_shown_beside_the_hits(filled, labelled) -> None:
    run.embed(filled, provider=MockProvider(), on_progress=nothing)
    setting = Setting(mode="lexical", top_k=1, neighbours=2)
    answer = run.ask(filled, labelled.questions[0], provider=MockProvider(), setting=setting, now=filled.created_at)
    assert len(answer.ranked) == 1
    assert len(answer.shown) == 3


def test_progress_is_told(labelled) -> None:
    told: list[int] = []
    with run.tenant_of_its_own() as tenant:
        run.store(tenant, labelled, on_progress=told.append)
        run.embed(tenant, provider=MockProvider(), on_progress=told.append)
    assert told == [4, 0, 4]


@pytest.mark.parametrize("incident", [None, RuntimeError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_of_the_tenant_whatever_happens(labelled, incident) -> None:
    def evaluate() -> None:
        with plain_login(), run.tenant_of_its_own() as tenant:
            run.store(tenant, labelled, on_progress=nothing)
            run.embed(tenant, provider=MockProvider(), on_progress=nothing)
            search_cache.results_key(tenant.pk)
            if incident:
                raise incident

    if incident:
        with pytest.raises(incident):
            evaluate()
    else:
        evaluate()
    for model in (Tenant, EndUser, Conversation, Message, MessageEmbedding, EmbeddingWindow):
        assert not model.objects.exists()
    (removed,) = AuditEvent.objects.filter(action="tenant.removed")
    assert removed.tenant_id
    assert cache.get(search_cache.generation_key(removed.tenant_id)) is None


def test_other_tenants_are_left_alone(tenant, labelled) -> None:
    with plain_login(), run.tenant_of_its_own() as own:
        run.store(own, labelled, on_progress=nothing)
        assert own.slug.startswith("evaluation-")
    assert list(Tenant.objects.all()) == [tenant]


def test_a_refused_message_ends_the_run_with_the_reason(filled) -> None:
    with pytest.raises(NotEmbedded, match="too rude"):
        run.embed(filled, provider=raising(ProviderRejected("too rude")), on_progress=nothing)


def test_what_a_worker_has_claimed_is_waited_for(filled, monkeypatch) -> None:
    with across_tenants():
        claimed = embedding.claim(MessageEmbedding.objects.due(model="mock:mock:64"))

    def worker_is_done(_: float) -> None:
        with across_tenants():
            held = MessageEmbedding.objects.filter(claim=claimed.claim)
            held.update(status=EmbeddingStatus.COMPLETED, claim=None)

    monkeypatch.setattr("memories.evaluation.run.time.sleep", worker_is_done)
    told: list[int] = []
    run.embed(filled, provider=MockProvider(), on_progress=told.append)
    assert told == [0, 4]


def test_a_question_that_cannot_be_embedded_ends_the_run(filled, labelled) -> None:
    class Away(MockProvider):
        def embed_query(self, text: str):
            raise ProviderUnavailable("gone")

    with pytest.raises(NotEmbedded, match="mode lexical"):
        run.ask(filled, labelled.questions[0], provider=Away(), setting=Setting(), now=filled.created_at)
