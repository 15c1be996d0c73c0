"""The vendors of language models: where each is reached, with which key, and which small model is its default."""

from collections.abc import Callable
from dataclasses import dataclass

import anthropic
import httpx2
import openai
from google import genai
from google.genai import types
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.openrouter import OpenRouterModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openrouter import OpenRouterProvider


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a call needs. `timeout_seconds` is for one attempt, which the SDK is not to repeat by itself."""

    model_name: str
    api_key: str
    base_url: str
    timeout_seconds: float


def _openai(access: Access, http: httpx2.AsyncClient) -> Model:
    # Chat completions, not responses: that is what every compatible server speaks.
    return OpenAIChatModel(access.model_name, provider=OpenAIProvider(openai_client=_openai_client(access, http)))


def _openrouter(access: Access, http: httpx2.AsyncClient) -> Model:
    return OpenRouterModel(access.model_name, provider=OpenRouterProvider(openai_client=_openai_client(access, http)))


def _openai_client(access: Access, http: httpx2.AsyncClient) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        api_key=access.api_key,
        base_url=access.base_url,
        timeout=access.timeout_seconds,
        max_retries=0,
        http_client=http,
    )


def _anthropic(access: Access, http: httpx2.AsyncClient) -> Model:
    client = anthropic.AsyncAnthropic(
        api_key=access.api_key,
        base_url=access.base_url,
        timeout=access.timeout_seconds,
        max_retries=0,
        http_client=http,
    )
    return AnthropicModel(access.model_name, provider=AnthropicProvider(anthropic_client=client))


def _gemini(access: Access, http: httpx2.AsyncClient) -> Model:
    options = types.HttpOptions(
        base_url=access.base_url, timeout=int(access.timeout_seconds * 1000), httpx_async_client=http
    )
    client = genai.Client(api_key=access.api_key, vertexai=False, http_options=options)
    return GoogleModel(access.model_name, provider=GoogleProvider(client=client))


@dataclass(frozen=True, kw_only=True)
class LanguageVendor:
    """`key` is the setting that holds its key; `model` builds a model over an HTTP client that the caller closes."""

    label: str
    key: str
    url: str
    default_model: str
    model: Callable[[Access, httpx2.AsyncClient], Model]


LANGUAGE_VENDORS = {
    "openai": LanguageVendor(
        label="OpenAI",
        key="MEMORY_OPENAI_API_KEY",
        url="https://api.openai.com/v1",
        default_model="gpt-6-luna",
        model=_openai,
    ),
    "anthropic": LanguageVendor(
        label="Anthropic",
        key="MEMORY_ANTHROPIC_API_KEY",
        url="https://api.anthropic.com",
        default_model="claude-haiku-5-5",
        model=_anthropic,
    ),
    "gemini": LanguageVendor(
        label="Gemini",
        key="MEMORY_GEMINI_API_KEY",
        url="https://generativelanguage.googleapis.com/",
        default_model="gemini-3.5-flash-lite",
        model=_gemini,
    ),
    "openrouter": LanguageVendor(
        label="OpenRouter",
        key="MEMORY_OPENROUTER_API_KEY",
        url="https://openrouter.ai/api/v1",
        default_model="openai/gpt-6-luna",
        model=_openrouter,
    ),
}
