from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.ranking import Candidate, rank

WEIGHTS = {"semantic": 0.5, "lexical": 0.3, "importance": 0.1, "recency": 0.1}
shares = st.floats(0, 1)
weight_sets = st.fixed_dictionaries(dict.fromkeys(WEIGHTS, st.just(0.0) | st.floats(0.001, 1000))).filter(
    lambda weights: any(weights.values())
)
candidates = st.builds(
    Candidate,
    message_id=st.uuids(),
    importance=shares,
    recency=shares,
    similarity=st.none() | st.floats(-1, 1),
    lexical=st.none() | st.just(0.0) | st.floats(1e-6, 5),
)
pools = st.lists(candidates, min_size=1, max_size=12, unique_by=lambda one: one.message_id)


def candidate(number: int, **parts: float | None) -> Candidate:
    return Candidate(UUID(int=number), **{"importance": 0.0, "recency": 0.0, **parts})  # type: ignore[arg-type]


def order(*pool: Candidate, weights: dict[str, float] = WEIGHTS) -> list[int]:
    return [one.candidate.message_id.int for one in rank(pool, weights=weights)]


@given(pools, weight_sets)
def test_scores_are_shares_in_descending_order(pool: list[Candidate], weights: dict[str, float]) -> None:
    scores = [one.score for one in rank(pool, weights=weights)]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


@given(pools, weight_sets, st.randoms())
def test_the_order_of_the_candidates_does_not_matter(pool, weights, random) -> None:
    shuffled = random.sample(pool, len(pool))
    assert rank(shuffled, weights=weights) == rank(pool, weights=weights)


@given(
    pools, weight_sets, st.sampled_from(["similarity", "lexical", "importance", "recency"]), st.floats(0, 1), st.data()
)
def test_more_of_any_part_never_lowers_a_rank(pool, weights, part, gain, data) -> None:
    chosen = data.draw(st.sampled_from(pool))
    better = replace(chosen, **{part: min((getattr(chosen, part) or 0.0) + gain, 5.0 if part == "lexical" else 1.0)})
    raised = [better if one is chosen else one for one in pool]
    assert position(chosen, raised, weights) <= position(chosen, pool, weights)


def position(chosen: Candidate, pool: list[Candidate], weights: dict[str, float]) -> int:
    return [one.candidate.message_id for one in rank(pool, weights=weights)].index(chosen.message_id)


def test_equal_scores_go_by_id() -> None:
    assert order(candidate(3), candidate(1), candidate(2)) == [1, 2, 3]


def test_the_score_is_the_weighted_mean_of_the_parts() -> None:
    (ranked,) = rank([candidate(1, similarity=0.8, lexical=0.02, importance=0.5, recency=0.25)], weights=WEIGHTS)
    assert ranked.parts == {"semantic": 0.8, "lexical": 1.0, "importance": 0.5, "recency": 0.25}
    assert ranked.score == pytest.approx(0.5 * 0.8 + 0.3 + 0.1 * 0.5 + 0.1 * 0.25)


def test_words_count_as_a_share_of_the_best_match() -> None:
    ranked = rank([candidate(1, lexical=0.02), candidate(2, lexical=0.08)], weights=WEIGHTS)
    assert [one.parts["lexical"] for one in ranked] == [1.0, 0.25]


def test_what_a_retrieval_did_not_find_has_none_of_its_part() -> None:
    (ranked,) = rank([candidate(1, importance=1.0)], weights=WEIGHTS)
    assert ranked.parts == {"semantic": 0.0, "lexical": 0.0, "importance": 1.0, "recency": 0.0}
    assert ranked.score == pytest.approx(0.1)


def test_a_part_without_weight_does_not_count() -> None:
    words_only = WEIGHTS | {"semantic": 0.0}
    assert order(candidate(1, similarity=1.0), candidate(2, lexical=0.1), weights=words_only) == [2, 1]


def test_nothing_found_is_nothing_ranked() -> None:
    assert rank([], weights=WEIGHTS) == []
