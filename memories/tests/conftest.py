"""Fixtures of this room."""

import pytest

from memories.providers.sentence_transformer import SentenceTransformerProvider


@pytest.fixture(scope="session")
def bundled() -> SentenceTransformerProvider:
    """The bundled model, loaded once for all tests."""
    return SentenceTransformerProvider()
