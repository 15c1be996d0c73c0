import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from memories.providers.base import (
    ProviderMisconfigured,
    ProviderRejected,
    centroid,
    checked,
    model_key,
    resolved_dimensions,
)
from memories.providers.mock import MockProvider

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(arrays.arrays(np.float64, (3, 4), elements=NUMBERS).filter(lambda rows: bool(np.abs(rows).max(axis=1).all())))
def test_checked_rows_have_length_one(rows: np.ndarray) -> None:
    vectors = checked(rows, count=3, dimensions=4)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_checked_keeps_direction() -> None:
    assert checked([[3, 4]], count=1, dimensions=2)[0] == pytest.approx([0.6, 0.8])


def test_checked_takes_no_vectors_for_no_texts() -> None:
    assert checked([], count=0, dimensions=5).shape == (0, 5)


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [
        ([[1.0, 2.0]], "shape"),
        ([[1.0, 2.0], [1.0, 2.0]], "shape"),
        ([[1.0, 2.0, float("nan")]], "NaN"),
        ([[1.0, 2.0, float("-inf")]], "NaN"),
        ([[1.0, 2.0, None]], "NaN"),
        ([[0.0, 0.0, 0.0]], "zeros"),
        ([[1.0], [1.0, 2.0]], "not a list of vectors"),
        ([{"a": 1}], "not a list of vectors"),
        (["words"], "not a list of vectors"),
        (None, "shape"),
    ],
)
def test_checked_refuses(vectors: object, reason: str) -> None:
    with pytest.raises(ProviderRejected, match=reason):
        checked(vectors, count=1, dimensions=3)


def test_centroid_lies_between() -> None:
    mean = centroid(np.array([[1, 0], [0, 1]], dtype=np.float32))
    assert mean == pytest.approx([0.5**0.5, 0.5**0.5])


def test_dimensions_default_to_the_models() -> None:
    assert resolved_dimensions(None, model_name="m", native=384) == 384


def test_dimensions_of_an_unknown_model_are_taken_as_said() -> None:
    assert resolved_dimensions(77, model_name="m", native=None) == 77


def test_dimensions_may_be_shortened_where_the_model_can() -> None:
    assert resolved_dimensions(256, model_name="m", native=1536, shortens=True) == 256


@pytest.mark.parametrize(
    ("wanted", "native", "shortens"), [(None, None, False), (256, 384, False), (2000, 1536, True), (0, 1536, True)]
)
def test_dimensions_that_do_not_fit_are_refused(wanted: int | None, native: int | None, shortens: bool) -> None:
    with pytest.raises(ProviderMisconfigured, match="MEMORY_EMBEDDING_DIMENSIONS"):
        resolved_dimensions(wanted, model_name="m", native=native, shortens=shortens)


def test_model_key_tells_models_and_sizes_apart() -> None:
    assert model_key(MockProvider(dimensions=9)) == "mock:mock:9"
