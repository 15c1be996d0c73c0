"""Measures against their definitions, word for word."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.evaluation import metrics

IDS = st.sampled_from("abcdefghijkl")
RANKINGS = st.lists(IDS, unique=True, max_size=12)
RELEVANT = st.frozensets(IDS, min_size=1, max_size=6)
KS = st.integers(1, 12)
SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(RANKINGS, RELEVANT, KS)
def test_recall_counts_the_relevant_ones_among_the_first(ranked, relevant, k) -> None:
    found = [one for one in relevant if one in ranked and ranked.index(one) < k]
    assert metrics.recall(ranked, relevant, k=k) == len(found) / len(relevant)


@given(RANKINGS, RELEVANT, KS)
def test_hit_is_any_and_all_is_every_one_of_them(ranked, relevant, k) -> None:
    assert metrics.hit(ranked, relevant, k=k) == any(one in relevant for one in ranked[:k])
    assert metrics.every(ranked, relevant, k=k) == all(one in ranked[:k] for one in relevant)


@given(RANKINGS, RELEVANT)
def test_the_reciprocal_rank_is_that_of_the_first_relevant_one(ranked, relevant) -> None:
    ranks = [position + 1 for position in range(len(ranked)) if ranked[position] in relevant]
    assert metrics.reciprocal_rank(ranked, relevant) == (1 / min(ranks) if ranks else 0)


@given(RANKINGS, RELEVANT, KS)
def test_ndcg_is_the_gain_over_that_of_the_best_ranking(ranked, relevant, k) -> None:
    def gain(order) -> float:
        return sum((one in relevant) / math.log2(position + 2) for position, one in enumerate(order[:k]))

    assert metrics.ndcg(ranked, relevant, k=k) == pytest.approx(gain(ranked) / gain(sorted(relevant)))


@given(RANKINGS, IDS)
def test_the_only_relevant_one_put_first_makes_every_measure_1(ranked, relevant) -> None:
    best = [relevant, *(one for one in ranked if one != relevant)]
    assert set(metrics.measured(best, {relevant}, top_k=10).values()) == {1.0}


def test_a_ranking_is_measured_up_to_its_length() -> None:
    assert metrics.cuts(10) == [1, 3, 5, 10]
    assert metrics.cuts(4) == [1, 3, 4]
    assert metrics.cuts(20) == [1, 3, 5, 10, 20]


@given(SCORES)
def test_an_interval_holds_its_mean_and_lies_between_the_extremes(values) -> None:
    (found,) = metrics.estimates([values])
    assert found.mean == pytest.approx(sum(values) / len(values))
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


@given(SCORES)
def test_the_same_values_have_the_same_interval(values) -> None:
    first, again = metrics.estimates([values]), metrics.estimates([values])
    assert first == again


@given(SCORES)
def test_an_interval_does_not_depend_on_the_measures_beside_it(values) -> None:
    (alone,), (beside, _) = metrics.estimates([values]), metrics.estimates([values, [0.0] * len(values)])
    assert (beside.low, beside.high) == pytest.approx((alone.low, alone.high))


def test_an_interval_is_as_wide_as_theory_has_it() -> None:
    (found,) = metrics.estimates([[0.0, 1.0] * 200])
    wide = 2 * 1.96 * 0.5 / math.sqrt(400)
    assert found.high - found.low == pytest.approx(wide, rel=0.1)
