"""Embeddings kept between runs."""

import numpy as np
import pytest

from memories.evaluation.cache import Store, caching
from memories.providers.mock import MockProvider
from memories.tests.helpers import WillfulProvider


@pytest.fixture
def path(tmp_path):
    return tmp_path / "evaluation" / "embeddings.sqlite3"


@pytest.fixture
def asked() -> list[str]:
    """The texts that the provider behind the cache was given."""
    return []


@pytest.fixture
def provider(path, asked):
    store = Store(path)
    yield caching(WillfulProvider(asked.extend), store=store)
    store.close()


def test_a_text_is_embedded_once(provider, asked) -> None:
    first = provider.embed_documents(["bees", "boat"])
    again = provider.embed_documents(["boat", "rain", "bees", "boat"])
    assert asked == ["bees", "boat", "rain"]
    assert np.array_equal(again[[2, 0]], first)


def test_vectors_are_those_of_the_provider(provider) -> None:
    texts, plain = ["bees", "boat", "bees"], MockProvider()
    for _ in range(2):
        assert np.array_equal(provider.embed_documents(texts), plain.embed_documents(texts))
        assert np.array_equal(provider.embed_query("bees"), plain.embed_query("bees"))
    assert provider.embed_documents([]).shape == (0, plain.dimensions)


def test_the_next_run_finds_them(provider, path, asked) -> None:
    vectors = provider.embed_documents(["bees"])
    store = Store(path)
    assert np.array_equal(caching(WillfulProvider(asked.extend), store=store).embed_documents(["bees"]), vectors)
    store.close()
    assert asked == ["bees"]


def test_a_query_is_not_a_document(provider, asked) -> None:
    provider.embed_query("bees")
    provider.embed_query("bees")
    provider.embed_documents(["bees"])
    assert asked == ["bees", "bees"]


def test_each_model_has_its_own(path) -> None:
    store = Store(path)
    short, long = (caching(MockProvider(dimensions=size), store=store) for size in (8, 16))
    assert short.embed_query("bees").shape == (8,)
    assert long.embed_query("bees").shape == (16,)
    store.close()


def test_whatever_else_the_provider_has_is_there(provider) -> None:
    assert provider.before == provider._inner.before
    assert provider.split("bees") == ["bees"]
    with pytest.raises(AttributeError):
        _ = provider.nonsense
