"""Embeddings of Google's Gemini API."""

from typing import Any

import httpx2
from google import genai
from google.genai import errors, types

from memories.providers.base import (
    ProviderError,
    ProviderMisconfigured,
    ProviderUnavailable,
    UnusableAnswer,
    resolved_dimensions,
)
from memories.providers.remote import MODEL_SETTING, Limits, RemoteProvider
from memories.providers.resilience import failure, retry_after, retry_info

VENDOR = "Gemini embeddings"
DEFAULT_MODEL = "gemini-embedding-001"
NATIVE_DIMENSIONS = {"gemini-embedding-001": 3072, "gemini-embedding-2": 3072, "gemini-embedding-2-preview": 3072}
# 2,048 tokens a text, beyond which it is cut off in silence; 100 texts a call
# (https://ai.google.dev/gemini-api/docs/embeddings).
GEMINI_LIMITS = Limits(window=2000, items=100, size=1_000_000)


class GoogleGeminiProvider(RemoteProvider):
    """`base_url` replaces Google's own address; `dimensions` shortens the vectors."""

    name = "google_gemini"
    limits = GEMINI_LIMITS

    def __init__(
        self,
        *,
        model_name: str | None = None,
        dimensions: int | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout_seconds: float = 10,
        failure_threshold: int = 5,
        recovery_seconds: float = 30,
    ) -> None:
        super().__init__(
            VENDOR,
            timeout_seconds=timeout_seconds,
            failure_threshold=failure_threshold,
            recovery_seconds=recovery_seconds,
        )
        if not api_key:
            raise ProviderMisconfigured("the google_gemini provider needs MEMORY_GEMINI_API_KEY")
        self.model_name = model_name or DEFAULT_MODEL
        native = NATIVE_DIMENSIONS.get(self.model_name.removeprefix("models/"))
        self.dimensions = resolved_dimensions(dimensions, model_name=self.model_name, native=native, shortens=True)
        self._output_dimensionality = dimensions
        self._client = _client(api_key=api_key, base_url=base_url, timeout_seconds=timeout_seconds)

    def _request(self, texts: list[str], *, is_query: bool) -> object:
        contents, task_type = self._prepared(texts, is_query=is_query)
        config = types.EmbedContentConfig(task_type=task_type, output_dimensionality=self._output_dimensionality)
        try:
            response = self._client.models.embed_content(model=self.model_name, contents=contents, config=config)
            return [embedding.values for embedding in response.embeddings or []]
        except errors.APIError as error:
            raise _ours(error) from None  # the vendor's message may repeat the key or the text
        except httpx2.TransportError as error:
            raise ProviderUnavailable(f"{VENDOR} could not be reached ({type(error).__name__})") from None
        except (AttributeError, TypeError, ValueError):
            raise UnusableAnswer(f"{VENDOR}: the answer is not one of the Gemini API") from None

    def _prepared(self, texts: list[str], *, is_query: bool) -> tuple[list[Any], str | None]:
        """Contents and task type. From its second generation on, the model is told the task in the text itself."""
        if "gemini-embedding-2" not in self.model_name:
            return _contents(texts), "RETRIEVAL_QUERY" if is_query else "RETRIEVAL_DOCUMENT"
        prefix = "task: search result | query: " if is_query else "title: none | text: "
        return _contents([prefix + text for text in texts]), None


def _client(*, api_key: str, base_url: str | None, timeout_seconds: float) -> genai.Client:
    options = types.HttpOptions(
        base_url=base_url,
        timeout=int(timeout_seconds * 1000),
        httpx_client=httpx2.Client(),  # names the transport, whose errors are caught above
    )
    return genai.Client(api_key=api_key, vertexai=False, http_options=options)


def _contents(texts: list[str]) -> list[Any]:
    # One Content each: plain strings would become the parts of a single one with the second generation.
    return [types.Content(parts=[types.Part(text=text)]) for text in texts]


def _ours(error: errors.APIError) -> ProviderError:
    header = retry_after(getattr(error.response, "headers", {}))
    return failure(
        VENDOR,
        error.code,
        key="MEMORY_GEMINI_API_KEY",
        model=MODEL_SETTING,
        retry_after=retry_info(error.details) if header is None else header,
    )
