"""A reranker, where one is set, has the last word over what a search found."""

from pathlib import Path

import pytest
from django.db import connection
from structlog.testing import capture_logs

from memories import providers
from memories.ingest import NewMessage, store
from memories.providers.reranker import Reranker
from memories.search import Query, Result
from memories.tests.helpers import embed_all, searched
from memories.tests.providers.cross_encoders import save_cross_encoder

pytestmark = pytest.mark.django_db
TEXTS = ["a cat", "the cat sat", "a dog barks at the cat", "rain on the cat", "cat cat cat"]


@pytest.fixture
def tenant(tenant):
    store(tenant, [NewMessage("talk", "user", one) for one in TEXTS])
    embed_all()
    return tenant


@pytest.fixture
def reranker(settings, tmp_path: Path) -> Reranker:
    """The one that searches use."""
    settings.MEMORY_RERANKER_MODEL = save_cross_encoder(tmp_path)
    found = providers.reranker()
    assert found is not None
    return found


def contents(result: Result) -> list[str]:
    return [hit.message.content for hit in result.hits]


def test_its_scores_order_the_hits(tenant, reranker) -> None:
    scores = dict(zip(TEXTS, reranker.scores("cat", TEXTS) or [], strict=True))
    result = searched(tenant, Query("cat"))
    assert contents(result) == sorted(TEXTS, key=lambda text: -scores[text])
    for hit in result.hits:
        assert hit.ranked.score == hit.ranked.parts["rerank"] == pytest.approx(scores[hit.message.content], abs=1e-6)


def test_it_orders_otherwise_than_the_ranking_does(tenant, reranker, settings) -> None:
    reranked = contents(searched(tenant, Query("cat")))
    settings.MEMORY_RERANKER_MODEL = None
    assert contents(searched(tenant, Query("cat"))) != reranked


def test_it_reads_more_than_are_asked_for_and_no_more_than_it_is_told(tenant, reranker, settings) -> None:
    best = contents(searched(tenant, Query("cat")))[0]
    assert contents(searched(tenant, Query("cat", top_k=1))) == [best]
    settings.MEMORY_RERANKER_CANDIDATES = 1
    by_rank = contents(searched(tenant, Query("cat", top_k=1)))
    settings.MEMORY_RERANKER_MODEL = None
    assert contents(searched(tenant, Query("cat", top_k=1))) == by_rank


def test_the_other_parts_stay_to_be_seen_without_a_weight(tenant, reranker) -> None:
    result = searched(tenant, Query("cat"))
    assert {name for name, weight in result.weights.items() if weight} == {"rerank"}
    assert all(hit.ranked.parts["lexical"] > 0 for hit in result.hits)


def test_no_transaction_is_open_while_it_reads(transactional_db, tenant, reranker, monkeypatch) -> None:
    ask, inside = reranker.scores, []

    def watched(*asked):
        inside.append(connection.in_atomic_block)
        return ask(*asked)

    monkeypatch.setattr(reranker, "scores", watched)
    searched(tenant, Query("cat"))
    assert inside == [False]


def test_if_it_fails_the_order_of_the_ranking_stays(tenant, settings, tmp_path) -> None:
    before = searched(tenant, Query("cat", top_k=3))
    settings.MEMORY_RERANKER_MODEL = str(tmp_path / "nothing")
    with capture_logs() as logs:
        after = [searched(tenant, Query("cat", top_k=3)) for _ in range(2)]
    assert [one["event"] for one in logs] == ["not_reranked"]
    for result in after:
        assert (contents(result), result.weights) == (contents(before), before.weights)


def test_nothing_found_is_nothing_to_read(tenant, reranker) -> None:
    assert contents(searched(tenant, Query("porridge", mode="lexical"))) == []


def test_a_model_that_raises_is_warned_of_and_asked_again(tenant, reranker, monkeypatch) -> None:
    assert reranker.scores("cat", TEXTS)

    def fail(*args: object, **options: object) -> None:
        raise RuntimeError("out of memory: a cat")

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(reranker._model, "predict", fail)
        assert len(searched(tenant, Query("cat")).hits) == 5
    assert [(one["event"], one["reason"]) for one in logs] == [("not_reranked", "RuntimeError")]
    assert searched(tenant, Query("cat")).weights["rerank"] == 1
