"""Fixtures of this room."""

import pytest
from django.conf import settings

from memories.providers.sentence_transformer import SentenceTransformerProvider


@pytest.fixture(scope="session")
def bundled() -> SentenceTransformerProvider:
    """The bundled model as it is run by default, loaded once for all tests."""
    folder = settings.MEMORY_DATA_DIR / "models"
    return SentenceTransformerProvider(backend=settings.MEMORY_EMBEDDING_BACKEND, folder=folder)
