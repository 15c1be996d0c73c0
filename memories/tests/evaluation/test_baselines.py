"""What others do, on rows of the product."""

import numpy as np
import pytest

from memories import ingest
from memories.evaluation import baselines
from memories.evaluation.baselines import BLEND, BM25, DENSE, FUSION
from memories.evaluation.labelled import Question
from memories.evaluation.run import Answer, Setting
from memories.ingest import NewMessage
from memories.providers.mock import MockProvider
from memories.tests.helpers import embed_all

TEXTS = ("I keep bees.", "The hives stand by the fence.", "A boat leaks.", "Rain fell on the hive.", "Nothing else.")


@pytest.fixture
def stored(tenant):
    messages = [NewMessage("garden", "user", text, external_id=f"m{n}") for n, text in enumerate(TEXTS)]
    ingest.store(tenant, [*messages, NewMessage("elsewhere", "user", "Hives, hives, hives!", external_id="other")])
    embed_all()
    return tenant


def asked(tenant, text: str = "hives", **setting) -> dict[str, Answer]:
    question = Question("q", text, frozenset(["m1"]), filters={"conversation_id": "garden"})
    ((_, found),) = baselines.answers(tenant, [question], provider=MockProvider(), setting=Setting(**setting))
    return found


def test_bm25_finds_other_forms_of_a_word_and_nothing_without_it(stored) -> None:
    assert set(asked(stored)[BM25].ranked) == {"m1", "m3"}
    assert asked(stored, "the submarine")[BM25].ranked == []


def test_every_baseline_keeps_to_the_filters_of_the_question(stored) -> None:
    assert all("other" not in answer.ranked for answer in asked(stored).values())


def test_cosine_ranks_by_similarity(stored) -> None:
    provider = MockProvider()
    similar = provider.embed_documents(TEXTS) @ provider.embed_query("hives")
    expected = [f"m{n}" for n in np.argsort(-similar) if similar[n] > 0]
    assert asked(stored)[DENSE].ranked == expected


def test_rank_fusion_adds_reciprocal_ranks(stored) -> None:
    found = asked(stored)
    ranks = [{name: rank for rank, name in enumerate(found[one].ranked, start=1)} for one in (BM25, DENSE)]
    names = {*ranks[0], *ranks[1]}
    fused = {name: sum(1 / (60 + of[name]) for of in ranks if name in of) for name in names}
    assert [fused[name] for name in found[FUSION].ranked] == pytest.approx(sorted(fused.values(), reverse=True))


def test_importance_moves_the_blend(tenant) -> None:
    plain, weighty = (NewMessage("garden", "user", "bees", external_id=name) for name in ("plain", "weighty"))
    ingest.store(tenant, [plain, ingest.NewMessage(**vars(weighty) | {"importance_override": 1.0})])
    embed_all()
    found = asked(tenant, "bees")
    assert (found[DENSE].ranked[0], found[BLEND].ranked[0]) == ("plain", "weighty")


def test_the_turns_around_the_first_hits_are_shown(stored) -> None:
    found = asked(stored, "leaking boat", neighbours=1, top_k=1)[BM25]
    assert list(found.ranked) == ["m2"]
    assert found.shown == frozenset({"m1", "m2", "m3"})


@pytest.mark.parametrize("content", ["the", "!"])
def test_messages_without_a_word_to_find_are_found_by_no_word(tenant, content) -> None:
    ingest.store(tenant, [NewMessage("garden", "user", content, external_id="m1")])
    embed_all()
    assert list(asked(tenant)[BM25].ranked) == []


def test_filters_that_nothing_passes_leave_nothing_to_find(stored) -> None:
    question = Question("q", "hives", frozenset(["m1"]), filters={"conversation_id": "nowhere"})
    ((_, found),) = baselines.answers(stored, [question], provider=MockProvider(), setting=Setting())
    assert all(not answer.ranked and not answer.shown for answer in found.values())
