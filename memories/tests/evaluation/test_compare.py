"""Two runs over the same questions."""

import json

import pytest

from memories.evaluation import compare
from memories.evaluation.compare import NotARun


def run(*values: float) -> dict[str, dict[str, float]]:
    return {f"q{number}": {"recall@10": value} for number, value in enumerate(values)}


def test_questions_are_won_or_lost_one_by_one() -> None:
    (found,) = compare.differences(run(0, 1, 0.5, 0), run(1, 0, 0.5, 1))
    assert (found.before, found.after) == (0.375, 0.625)
    assert (found.won, found.lost) == (["q0", "q3"], ["q1"])
    assert found.change.mean == 0.25


def test_a_change_for_the_better_of_all_is_clear() -> None:
    assert compare.differences(run(*[0.2] * 30), run(*[0.4] * 30))[0].is_clear
    assert not compare.differences(run(0.2, 0.4), run(0.4, 0.2))[0].is_clear


def test_pairs_make_a_small_change_clear_where_the_questions_differ_much() -> None:
    hard_and_easy = [0.0, 0.9] * 20
    assert compare.differences(run(*hard_and_easy), run(*(value + 0.05 for value in hard_and_easy)))[0].is_clear


def test_only_what_both_have_is_compared() -> None:
    before, after = run(0, 1), {"q1": {"recall@10": 1.0, "MRR": 1.0}, "new": {"recall@10": 0.0}}
    (found,) = compare.differences(before, after)
    assert (found.measure, found.won, found.lost) == ("recall@10", [], [])


def test_runs_without_a_common_question_are_refused() -> None:
    with pytest.raises(NotARun):
        compare.differences(run(1), {"other": {"recall@10": 1.0}})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"scores": 1}', '{"scores": {"Memory Layer": {"q": {"MRR": "x"}}}}'])
def test_what_is_no_run_is_refused(text) -> None:
    with pytest.raises(NotARun):
        compare.scores_of(text)


def test_the_scores_of_the_product_are_read() -> None:
    text = json.dumps({"scores": {"Memory Layer": run(1), "BM25": run(0)}})
    assert compare.scores_of(text) == run(1)
