from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from memories.providers.base import Vectors
from memories.ranking.late_interaction import closeness, packed, unpacked

DIMENSIONS = 16
values = st.floats(-4, 4, width=32)


def tokens(most: int = 6) -> st.SearchStrategy[Any]:
    shapes = st.tuples(st.integers(1, most), st.just(DIMENSIONS))
    return arrays.arrays(np.float32, shapes, elements=values)


def by_hand(query: Vectors, text: Vectors) -> float:
    """Of each token of the query the best cosine with the signs of a token of the text; the mean of these."""
    signs = np.where(text > 0, 1.0, -1.0)
    best = [max(float(one @ sign) / np.linalg.norm(sign) for sign in signs) for one in query]
    return float(np.mean(best))


@given(tokens())
def test_what_is_packed_keeps_its_signs(text: Vectors) -> None:
    assert np.array_equal(unpacked(packed(text), dimensions=DIMENSIONS), np.where(text > 0, 1, -1))


@given(tokens())
def test_signs_survive_any_number_of_packings(text: Vectors) -> None:
    once = packed(text)
    assert packed(unpacked(once, dimensions=DIMENSIONS)) == once


def test_a_token_takes_one_bit_a_dimension() -> None:
    assert len(packed(np.ones((7, 384), dtype=np.float32))) == 7 * 48


@given(tokens(), st.lists(tokens(), min_size=1, max_size=5))
def test_closeness_is_the_mean_of_the_best_cosines(query: Vectors, texts: list[Vectors]) -> None:
    expected = [by_hand(query, text) for text in texts]
    assert closeness(query, [packed(text) for text in texts]) == pytest.approx(expected, abs=1e-4)


@given(tokens(), tokens(), tokens())
def test_a_text_never_loses_by_having_more(query: Vectors, text: Vectors, more: Vectors) -> None:
    alone, together = closeness(query, [packed(text), packed(np.concatenate([text, more]))])
    assert together >= alone - 1e-5


@given(tokens())
def test_nothing_is_closer_than_its_own_signs(query: Vectors) -> None:
    signs = np.where(query > 0, 1.0, -1.0)
    unit = (signs / np.sqrt(DIMENSIONS)).astype(np.float32)
    assert closeness(unit, [packed(query)]) == pytest.approx([1.0], abs=1e-5)
