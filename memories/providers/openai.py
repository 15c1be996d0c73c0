"""Embeddings of OpenAI and of every server that speaks its API (vLLM, Ollama, llama.cpp, text-embeddings-inference)."""

import openai

from memories.providers.base import (
    ProviderError,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUnavailable,
    UnusableAnswer,
    resolved_dimensions,
)
from memories.providers.remote import MODEL_SETTING, Limits, RemoteProvider
from memories.providers.resilience import failure, retry_after

VENDOR = "OpenAI embeddings"
DEFAULT_MODEL = "text-embedding-3-small"
OPENAI_URL = "https://api.openai.com/v1"
NATIVE_DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
# 8,192 tokens a text, 300,000 tokens a call (https://platform.openai.com/docs/api-reference/embeddings/create).
OPENAI_LIMITS = Limits(window=8000, items=256, size=300_000)
# Models of other servers mostly read 512 tokens (2,000 bytes of English); some servers take 32 texts a call.
COMPATIBLE_LIMITS = Limits(window=2000, items=32, size=300_000)


class OpenAIProvider(RemoteProvider):
    """`base_url` names a compatible server, which may need no key; `dimensions` is then required."""

    name = "openai"

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
        if not (api_key or base_url):
            raise ProviderMisconfigured("the openai provider needs MEMORY_OPENAI_API_KEY, or MEMORY_OPENAI_BASE_URL")
        self.model_name = model_name or DEFAULT_MODEL
        self._shortens = self.model_name.startswith("text-embedding-3")
        native = NATIVE_DIMENSIONS.get(self.model_name)
        self.dimensions = resolved_dimensions(
            dimensions, model_name=self.model_name, native=native, shortens=self._shortens
        )
        self.limits = OPENAI_LIMITS if native else COMPATIBLE_LIMITS
        self._client = openai.OpenAI(
            api_key=api_key or "unused", base_url=base_url or OPENAI_URL, timeout=timeout_seconds, max_retries=0
        )

    def _request(self, texts: list[str], *, is_query: bool) -> object:
        try:
            response = self._client.embeddings.create(
                model=self.model_name,
                input=texts,
                encoding_format="float",
                dimensions=self.dimensions if self._shortens else openai.omit,
            )
            return [item.embedding for item in sorted(response.data, key=lambda item: item.index)]
        except openai.OpenAIError as error:
            raise _ours(error) from None  # the vendor's message may repeat the key or the text
        except (AttributeError, TypeError, ValueError):
            raise UnusableAnswer(f"{VENDOR}: the answer is not one of an embeddings API") from None


def _ours(error: openai.OpenAIError) -> ProviderError:
    if isinstance(error, openai.APIStatusError):
        asked = retry_after(error.response.headers)
        return failure(VENDOR, error.status_code, key="MEMORY_OPENAI_API_KEY", model=MODEL_SETTING, retry_after=asked)
    if isinstance(error, openai.APIConnectionError):
        return ProviderUnavailable(f"{VENDOR} could not be reached ({type(error).__name__})")
    return ProviderRejected(f"{VENDOR} failed ({type(error).__name__})")
