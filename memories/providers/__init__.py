"""Embedding models and language models, each kind behind one protocol; importing this loads none of them."""

import threading
from functools import cache
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from memories.providers.base import (
    EmbeddingProvider,
    ProviderError,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUnavailable,
    Vectors,
)
from memories.providers.language_model import LanguageModel
from memories.providers.reranker import Reranker
from memories.providers.sentence_transformer import BUNDLED_MODEL

__all__ = [
    "EmbeddingProvider",
    "LanguageModel",
    "ProviderError",
    "ProviderRejected",
    "ProviderUnavailable",
    "Vectors",
    "embedding_provider",
    "language_model",
    "load",
    "provider_of",
    "reranker",
]

CLASSES = {
    "sentence_transformer": "memories.providers.sentence_transformer.SentenceTransformerProvider",
    "google_gemini": "memories.providers.google_gemini.GoogleGeminiProvider",
    "openai": "memories.providers.openai.OpenAIProvider",
    "mock": "memories.providers.mock.MockProvider",
}
LANGUAGE_MODEL = "memories.providers.remote_language_model.RemoteLanguageModel"
RERANKER = "memories.providers.reranker.Reranker"
_building: dict[tuple[object, ...], threading.Lock] = {}


def embedding_provider() -> EmbeddingProvider:
    """The provider the settings name, one per process; ImproperlyConfigured if it can never work."""
    name = settings.MEMORY_EMBEDDING_PROVIDER
    return provider_of(name, **_model_options(name))


def provider_of(name: str, *, model_name: str | None, dimensions: int | None) -> EmbeddingProvider:
    """A model of one of CLASSES by the access the settings give, one per process; ImproperlyConfigured as above.

    Without a name it is the provider's own default; without dimensions what the model gives.
    """
    if name not in CLASSES:
        raise ImproperlyConfigured(f'there is no embedding provider "{name}"; known are {", ".join(CLASSES)}')
    options = {"model_name": model_name, "dimensions": dimensions} | _vendor_options(name)
    return cast("EmbeddingProvider", _one(CLASSES[name], **options))


def load() -> None:
    """Have the local models of the settings ready: it takes seconds, and is not for the first text to wait for."""
    if settings.MEMORY_EMBEDDING_PROVIDER == "sentence_transformer":
        embedding_provider().embed_query("ready")
    if model := reranker():
        model.scores("ready", ["ready"])


def reranker() -> Reranker | None:
    """The cross-encoder the settings name, one per process; None without one."""
    if not settings.MEMORY_RERANKER_MODEL:
        return None
    return cast("Reranker", _one(RERANKER, model_name=settings.MEMORY_RERANKER_MODEL))


def language_model() -> LanguageModel | None:
    """The model the settings name, one per process, None for `rules`; ImproperlyConfigured if it can never work."""
    name = settings.MEMORY_LLM_PROVIDER
    if name == "rules":
        return None
    return cast("LanguageModel", _one(LANGUAGE_MODEL, name=name, **_language_model_options(name)))


def _one(path: str, **options: Any) -> object:
    """A cache alone lets the first two threads of a server build two; a lock for all has them wait for others'."""
    with _building.setdefault((path, *sorted(options.items())), threading.Lock()):
        return _built(path, **options)


@cache
def _built(path: str, **options: Any) -> object:
    try:
        return import_string(path)(**options)
    except ProviderMisconfigured as error:
        raise ImproperlyConfigured(str(error)) from error


def _model_options(name: str) -> dict[str, Any]:
    model_name = settings.MEMORY_EMBEDDING_MODEL_NAME
    if name != "sentence_transformer" and model_name == BUNDLED_MODEL:
        model_name = None  # the setting was left at its default, which no other vendor has
    return {"model_name": model_name, "dimensions": settings.MEMORY_EMBEDDING_DIMENSIONS}


def _vendor_options(name: str) -> dict[str, Any]:
    match name:
        case "sentence_transformer":
            return {"backend": settings.MEMORY_EMBEDDING_BACKEND, "folder": settings.MEMORY_DATA_DIR / "models"}
        case "google_gemini":
            access = {"api_key": settings.MEMORY_GEMINI_API_KEY, "base_url": settings.MEMORY_GEMINI_BASE_URL}
        case "openai":
            access = {"api_key": settings.MEMORY_OPENAI_API_KEY, "base_url": settings.MEMORY_OPENAI_BASE_URL}
        case _:
            return {}
    # Three attempts fit into a request, and a search still has time to answer by words alone.
    return access | {"timeout_seconds": settings.MEMORY_REQUEST_TIMEOUT_SECONDS / 3} | _circuit_options()


def _language_model_options(name: str) -> dict[str, Any]:
    return {
        "model_name": settings.MEMORY_LLM_MODEL,
        "api_key": getattr(settings, f"MEMORY_{name.upper()}_API_KEY"),
        "base_url": settings.MEMORY_LLM_BASE_URL,
        "timeout_seconds": settings.MEMORY_LLM_TIMEOUT_SECONDS,
    } | _circuit_options()


def _circuit_options() -> dict[str, Any]:
    return {
        "failure_threshold": settings.MEMORY_CIRCUIT_FAILURE_THRESHOLD,
        "recovery_seconds": settings.MEMORY_CIRCUIT_RECOVERY_SECONDS,
    }
