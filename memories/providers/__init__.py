"""Embedding vendors behind one protocol; importing this loads none of them."""

import threading
from functools import cache
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from memories.providers.base import (
    EmbeddingError,
    EmbeddingProvider,
    EmbeddingRejected,
    EmbeddingUnavailable,
    ProviderMisconfigured,
    Vectors,
)
from memories.providers.sentence_transformer import BUNDLED_MODEL

__all__ = [
    "EmbeddingError",
    "EmbeddingProvider",
    "EmbeddingRejected",
    "EmbeddingUnavailable",
    "Vectors",
    "embedding_provider",
    "load_in_background",
]

CLASSES = {
    "sentence_transformer": "memories.providers.sentence_transformer.SentenceTransformerProvider",
    "google_gemini": "memories.providers.google_gemini.GoogleGeminiProvider",
    "openai": "memories.providers.openai.OpenAIProvider",
    "mock": "memories.providers.mock.MockProvider",
}
_building = threading.Lock()


def embedding_provider() -> EmbeddingProvider:
    """The provider the settings name, one per process; ImproperlyConfigured if it can never work."""
    name = settings.MEMORY_EMBEDDING_PROVIDER
    with _building:  # a cache alone lets the first two threads of a server build two
        return _built(name, **_model_options(name), **_vendor_options(name))


def load_in_background() -> None:
    """Loading a local model takes seconds: begin when a process starts, not at its first text."""
    if settings.MEMORY_EMBEDDING_PROVIDER == "sentence_transformer":
        threading.Thread(target=lambda: embedding_provider().embed_query("ready"), daemon=True).start()


@cache
def _built(name: str, **options: Any) -> EmbeddingProvider:
    try:
        return cast("EmbeddingProvider", import_string(CLASSES[name])(**options))
    except ProviderMisconfigured as error:
        raise ImproperlyConfigured(str(error)) from error


def _model_options(name: str) -> dict[str, Any]:
    model_name = settings.MEMORY_EMBEDDING_MODEL_NAME
    if name != "sentence_transformer" and model_name == BUNDLED_MODEL:
        model_name = None  # the setting was left at its default, which no other vendor has
    return {"model_name": model_name, "dimensions": settings.MEMORY_EMBEDDING_DIMENSIONS}


def _vendor_options(name: str) -> dict[str, Any]:
    match name:
        case "google_gemini":
            access = {"api_key": settings.MEMORY_GEMINI_API_KEY, "base_url": settings.MEMORY_GEMINI_BASE_URL}
        case "openai":
            access = {"api_key": settings.MEMORY_OPENAI_API_KEY, "base_url": settings.MEMORY_OPENAI_BASE_URL}
        case _:
            return {}
    return access | {
        # Three attempts fit into a request, and a search still has time to answer by words alone.
        "timeout_seconds": settings.MEMORY_REQUEST_TIMEOUT_SECONDS / 3,
        "failure_threshold": settings.MEMORY_CIRCUIT_FAILURE_THRESHOLD,
        "recovery_seconds": settings.MEMORY_CIRCUIT_RECOVERY_SECONDS,
    }
