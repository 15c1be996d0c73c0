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


def tokens(dimensions: int = DIMENSIONS) -> st.SearchStrategy[Any]:
    shapes = st.tuples(st.integers(1, 6), st.just(dimensions))
    return arrays.arrays(np.float32, shapes, elements=values)


def a_query_and_texts(dimensions: int) -> st.SearchStrategy[Any]:
    return st.tuples(tokens(dimensions), st.lists(tokens(dimensions), min_size=1, max_size=5))


def by_hand(query: Vectors, text: Vectors) -> float:
    """Of each token of the query the best cosine of its signs with those of a token of the text; the mean of these."""
    ours, theirs = (np.where(tokens > 0, 1.0, -1.0) for tokens in (query, text))
    return float(np.mean([max(our @ their / len(our) for their in theirs) for our in ours]))


@given(tokens())
def test_what_is_packed_keeps_its_signs(text: Vectors) -> None:
    assert np.array_equal(unpacked(packed(text), dimensions=DIMENSIONS), np.where(text > 0, 1, -1))


@given(tokens())
def test_signs_survive_any_number_of_packings(text: Vectors) -> None:
    once = packed(text)
    assert packed(unpacked(once, dimensions=DIMENSIONS)) == once


def test_a_token_takes_one_bit_a_dimension() -> None:
    assert len(packed(np.ones((7, 384), dtype=np.float32))) == 7 * 48


@given(st.sampled_from([16, 20, 128]).flatmap(a_query_and_texts))
def test_closeness_is_the_mean_of_the_best_agreements(drawn: tuple[Vectors, list[Vectors]]) -> None:
    query, texts = drawn
    expected = [by_hand(query, text) for text in texts]
    assert closeness(packed(query), [packed(text) for text in texts], dimensions=query.shape[1]) == pytest.approx(
        expected
    )


@given(tokens(), tokens(), tokens())
def test_a_text_never_loses_by_having_more(query: Vectors, text: Vectors, more: Vectors) -> None:
    texts = [packed(text), packed(np.concatenate([text, more]))]
    alone, together = closeness(packed(query), texts, dimensions=DIMENSIONS)
    assert together >= alone


@given(tokens())
def test_nothing_is_closer_than_its_own_signs(query: Vectors) -> None:
    assert closeness(packed(query), [packed(query)], dimensions=DIMENSIONS) == [1.0]
