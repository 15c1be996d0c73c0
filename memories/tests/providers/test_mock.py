import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.providers.mock import MockProvider
from memories.tests.providers.assertions import assert_windows_cover


@given(st.lists(st.text(max_size=50), max_size=5), st.integers(1, 300))
def test_vectors_are_normalised_and_repeatable(texts: list[str], dimensions: int) -> None:
    vectors = MockProvider(dimensions=dimensions).embed_documents(texts)
    assert vectors.shape == (len(texts), dimensions)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert (vectors == MockProvider(dimensions=dimensions).embed_documents(texts)).all()


def test_another_process_computes_the_same() -> None:
    script = "from memories.providers.mock import MockProvider as M; print(M().embed_query('the same').tobytes().hex())"
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == MockProvider().embed_query("the same").tobytes().hex()


def test_shared_words_make_texts_similar() -> None:
    provider = MockProvider()
    near, far = provider.embed_documents(["Anna adopted a grey cat", "quarterly tax forms"])
    query = provider.embed_query("which cat did Anna adopt")
    assert query @ near > query @ far + 0.3


@given(st.text(max_size=3000))
def test_windows_cover_the_text(text: str) -> None:
    assert_windows_cover(text, MockProvider().split(text))
