"""A cross-encoder of sentence-transformers; a tiny one, made here, whose weights are chance."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from memories import providers
from memories.providers.reranker import Reranker
from memories.tests.providers.cross_encoders import save_cross_encoder

TEXTS = ["a cat", "a dog barks", "the cat sat on the mat", "rain"]


@pytest.fixture
def tiny(tmp_path: Path) -> Reranker:
    return Reranker(model_name=save_cross_encoder(tmp_path))


def test_each_text_has_a_score_between_0_and_1(tiny: Reranker) -> None:
    scores = tiny.scores("cat", TEXTS)
    assert scores is not None
    assert len(scores) == len(set(scores)) == 4
    assert all(0 < score < 1 for score in scores)


def test_a_text_scores_the_same_in_any_company(tiny: Reranker) -> None:
    assert tiny.scores("cat", TEXTS[::-1]) == pytest.approx((tiny.scores("cat", TEXTS) or [])[::-1], abs=1e-6)


def test_a_text_longer_than_the_model_reads_has_a_score(tiny: Reranker) -> None:
    assert len(tiny.scores("cat", ["cat " * 5000]) or []) == 1


def test_threads_get_the_same_answer(tiny: Reranker) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: tiny.scores("cat", TEXTS), range(8)))
    assert answers == [answers[0]] * 8


def test_a_model_that_cannot_be_loaded_is_warned_of_once(tmp_path: Path) -> None:
    reranker = Reranker(model_name=str(tmp_path / "nothing"))
    with capture_logs() as logs:
        assert [reranker.scores("cat", TEXTS) for _ in range(3)] == [None] * 3
    assert [(one["event"], one["log_level"]) for one in logs] == [("not_reranked", "warning")]


def test_a_model_of_another_kind_is_warned_of(tmp_path: Path) -> None:
    reranker = Reranker(model_name=save_cross_encoder(tmp_path, labels=3))
    with capture_logs() as logs:
        assert reranker.scores("cat", TEXTS) is None
    assert [one["event"] for one in logs] == ["not_reranked"]


def test_there_is_none_unless_it_is_set(settings) -> None:
    assert providers.reranker() is None
    settings.MEMORY_RERANKER_MODEL = "some/model"
    assert providers.reranker() is providers.reranker()
