from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.ranking import Candidate, Candidates, Ranked, meaning, rank

WEIGHTS = {"semantic": 0.5, "lexical": 0.3, "importance": 0.1, "recency": 0.1}
ALL = dict.fromkeys(
    (
        "semantic",
        "lexical",
        "context",
        "speaker",
        "statement",
        "answer",
        "conversation",
        "date",
        "importance",
        "recency",
    ),
    1.0,
)
TODAY, TOMORROW = ("talk", "today"), ("talk", "tomorrow")
RARITIES = [2.0, 1.0]
shares = st.floats(0, 1)
counts = st.lists(st.integers(0, 9), min_size=2, max_size=2)
weight_sets = st.fixed_dictionaries(dict.fromkeys(ALL, st.just(0.0) | st.floats(0.001, 1000))).filter(
    lambda weights: any(weights.values())
)
candidates = st.builds(
    Candidate,
    message_id=st.uuids(),
    sitting=st.sampled_from([TODAY, TOMORROW]),
    importance=shares,
    recency=shares,
    similarity=st.none() | st.floats(-1, 1),
    closeness=st.none() | st.floats(-1, 1),
    frequencies=counts,
    length=st.integers(0, 400),
    window_frequencies=counts,
    window_length=st.integers(0, 400),
    is_question=st.booleans(),
    answers=shares,
    said_by_named=st.booleans(),
    date=shares,
)
pools = st.lists(candidates, min_size=1, max_size=12, unique_by=lambda one: one.message_id)


def candidate(number: int, **known: Any) -> Candidate:
    """Of a sitting of its own, unless it is told which."""
    defaults = {"sitting": (number, "today"), "frequencies": (0, 0), "window_frequencies": (0, 0)}
    return Candidate(UUID(int=number), **{**defaults, **known})


def ranked_by(weights: dict[str, float], pool: Sequence[Candidate], **options: Any) -> list[Ranked]:
    return rank(Candidates.of(pool), weights=weights, rarities=RARITIES, **options)


def order(*pool: Candidate, **weights: float) -> list[int]:
    return [one.candidate.message_id.int for one in ranked_by(weights or WEIGHTS, pool)]


@given(pools, weight_sets)
def test_scores_are_shares_in_descending_order(pool: list[Candidate], weights: dict[str, float]) -> None:
    ranked = ranked_by(weights, pool)
    scores = [one.score for one in ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= share <= 1 + 1e-9 for one in ranked for share in (one.score, *one.parts.values()))


@given(pools, weight_sets, st.randoms())
def test_the_order_of_the_candidates_does_not_matter(pool, weights, random) -> None:
    shuffled = random.sample(pool, len(pool))
    assert ranked_by(weights, shuffled) == ranked_by(weights, pool)


@given(pools, weight_sets, st.sampled_from(["importance", "recency", "date", "answers"]), shares, st.data())
def test_more_of_any_part_never_lowers_a_rank(pool, weights, part, gain, data) -> None:
    chosen = data.draw(st.sampled_from(pool))
    better = replace(chosen, **{part: min(getattr(chosen, part) + gain, 1.0)})
    raised = [better if one is chosen else one for one in pool]
    assert position(chosen, raised, weights) <= position(chosen, pool, weights)


def position(chosen: Candidate, pool: list[Candidate], weights: dict[str, float]) -> int:
    ranked = ranked_by(weights, pool)
    return [one.candidate.message_id for one in ranked].index(chosen.message_id)


def test_equal_scores_go_by_id() -> None:
    assert order(candidate(3), candidate(1), candidate(2)) == [1, 2, 3]


def test_the_score_is_the_weighted_mean_of_the_parts() -> None:
    one = candidate(1, similarity=0.6, importance=0.5, recency=0.25)
    (ranked,) = ranked_by(WEIGHTS, [one])
    assert ranked.parts == pytest.approx({"semantic": 0.4, "lexical": 0.0, "importance": 0.5, "recency": 0.25})
    assert ranked.score == pytest.approx(0.5 * 0.4 + 0.1 * 0.5 + 0.1 * 0.25)


def test_a_part_without_weight_does_not_count() -> None:
    weights = WEIGHTS | {"semantic": 0.0}
    assert order(candidate(1, similarity=1.0), candidate(2, frequencies=(1, 0)), **weights) == [2, 1]


def test_the_rarer_word_tells_more() -> None:
    assert order(candidate(1, frequencies=(0, 1)), candidate(2, frequencies=(1, 0)), lexical=1.0) == [2, 1]


def test_late_interaction_is_heard_before_the_cosine() -> None:
    near = meaning(np.array([0.9, 0.9, np.nan]), np.array([0.1, np.nan, np.nan]))
    assert near == pytest.approx([0.22, 0.6, 0.0])


def test_words_of_the_turns_around_count() -> None:
    assert order(candidate(1), candidate(2, window_frequencies=(1, 1)), context=1.0) == [2, 1]


def test_a_question_comes_after_a_statement() -> None:
    assert order(candidate(1, is_question=True), candidate(2), statement=1.0) == [2, 1]


def test_the_best_turns_of_a_sitting_lift_the_others_of_it() -> None:
    good = [candidate(number, sitting=TODAY, similarity=0.9) for number in (11, 12)]
    beside, alone = candidate(2, sitting=TODAY), candidate(1)
    assert order(*good, beside, alone, conversation=1.0) == [2, 11, 12, 1]


def test_another_day_is_another_sitting() -> None:
    good = candidate(11, sitting=TODAY, similarity=0.9)
    later = candidate(2, sitting=TOMORROW)
    ranked = {one.candidate.message_id.int: one for one in ranked_by(ALL, [good, later])}
    assert ranked[2].parts["conversation"] == 0


@pytest.mark.parametrize(("part", "known"), [("speaker", {"said_by_named": True}), ("date", {"date": 1.0})])
def test_what_the_query_does_not_name_takes_no_part(part: str, known: dict[str, Any]) -> None:
    one = candidate(1, similarity=0.6, **known)
    weights = {"semantic": 1.0, part: 1.0}
    (silent,) = ranked_by(weights, [one], named=())
    (heard,) = ranked_by(weights, [one], named=(part,))
    assert [silent.score, heard.score] == pytest.approx([0.4, 0.7])


def test_nothing_found_is_nothing_ranked() -> None:
    assert rank(Candidates.of([]), weights=WEIGHTS) == []


@given(pools, weight_sets, st.integers(1, 5))
def test_the_best_are_the_first_of_all(pool: list[Candidate], weights: dict[str, float], limit: int) -> None:
    assert ranked_by(weights, pool, limit=limit) == ranked_by(weights, pool)[:limit]


@given(candidates)
def test_a_row_of_the_columns_is_what_went_in(one: Candidate) -> None:
    assert Candidates.of([one]).row(0) == one
