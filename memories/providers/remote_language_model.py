"""Language models behind HTTP: one question is one short conversation with the vendor, through pydantic-ai.

Each question has its own event loop and HTTP client, which end with it. Clients that are kept belong to the loop they
were first used in, and no loop outlives a fork or serves two threads; against the seconds that a model takes, the
tenth of one for a new client does not count.
"""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelConnectionError,
    ModelHTTPError,
    ModelRequestTimeout,
    UnexpectedModelBehavior,
)
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import Model
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from memories.providers.base import (
    MalformedAnswer,
    ProviderError,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUnavailable,
    Refused,
)
from memories.providers.language_model import Answered, Usage
from memories.providers.language_vendors import LANGUAGE_VENDORS, Access, LanguageVendor
from memories.providers.resilience import Circuit, failure, patiently_awaited, retry_info

T = TypeVar("T", bound=BaseModel)
MODEL_SETTING = "MEMORY_LLM_MODEL"
REPAIRS = 1
RETRIES = 2
ATTEMPTS = 1 + RETRIES
ANSWER_TOKENS_MAX = 8192  # with more, some vendors are only asked in streams
NOT_ITS_API = (ModelAPIError, UnexpectedModelBehavior, AttributeError, LookupError, TypeError, ValueError)


class RemoteLanguageModel:
    """A model of one of LANGUAGE_VENDORS. `base_url` names a proxy or, for `openai`, a compatible server without a key.

    One attempt takes up to `timeout_seconds`; a question, with its retries and a repair, is given up after three times
    that.
    """

    def __init__(
        self,
        name: str,
        *,
        model_name: str | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout_seconds: float = 60,
        failure_threshold: int = 5,
        recovery_seconds: float = 30,
    ) -> None:
        self.name = name
        self._vendor = LANGUAGE_VENDORS[name]
        self.model_name = model_name or self._vendor.default_model
        _check(name, model_name=self.model_name, api_key=api_key, base_url=base_url)
        self._timeout_seconds = timeout_seconds
        self._access = Access(
            model_name=self.model_name,
            api_key=api_key or "unused",
            base_url=base_url or self._vendor.url,
            timeout_seconds=timeout_seconds,
        )
        self._circuit = Circuit(
            self._vendor.label, failure_threshold=failure_threshold, recovery_seconds=recovery_seconds
        )

    def ask(self, text: str, *, instructions: str, answer: type[T]) -> Answered[T]:
        """See LanguageModel."""
        spent: list[Usage] = []
        try:
            output = asyncio.run(self._within_the_time(text, instructions=instructions, answer=answer, spent=spent))
        except ProviderError as error:
            error.usage = reduce(add, spent) if spent else None
            raise
        return Answered(output=output, usage=reduce(add, spent))

    @property
    def _settings(self) -> ModelSettings:
        # Facts are read, not reasoned out: thinking would multiply the tokens.
        return ModelSettings(thinking=False, max_tokens=ANSWER_TOKENS_MAX, timeout=self._timeout_seconds)

    async def _within_the_time(self, text: str, *, instructions: str, answer: type[T], spent: list[Usage]) -> T:
        limit = ATTEMPTS * self._timeout_seconds
        try:
            async with asyncio.timeout(limit), httpx2.AsyncClient(timeout=self._timeout_seconds) as http:
                model = self._vendor.model(self._access, http)
                patient = _PatientModel(model, self._vendor, self._circuit, self._timeout_seconds, spent)
                agent = _agent(patient, instructions=instructions, answer=answer, settings=self._settings)
                output: T = (await agent.run(text)).output
                return output
        except TimeoutError:
            raise ProviderUnavailable(f"{self._vendor.label} took longer than {limit:g} seconds") from None
        except UnexpectedModelBehavior:  # its message repeats the answer, and the answer the text
            raise MalformedAnswer(
                f"{self._vendor.label}: {self.model_name} did not answer in the form it was asked for, nor when told so"
            ) from None


def _check(name: str, *, model_name: str, api_key: str | None, base_url: str | None) -> None:
    key = LANGUAGE_VENDORS[name].key
    if not api_key and name != "openai":
        raise ProviderMisconfigured(f"MEMORY_LLM_PROVIDER={name} needs {key}")
    if not api_key and not base_url:
        raise ProviderMisconfigured(f"MEMORY_LLM_PROVIDER={name} needs {key}, or MEMORY_LLM_BASE_URL")
    if base_url and not base_url.startswith(("http://", "https://")):
        raise ProviderMisconfigured("MEMORY_LLM_BASE_URL: an address such as http://localhost:11434/v1 is expected")
    if name == "openrouter" and "/" not in model_name:
        raise ProviderMisconfigured(f"{MODEL_SETTING}: models of OpenRouter have names such as openai/gpt-6-luna")


def _agent(model: Model, *, instructions: str, answer: type[T], settings: ModelSettings) -> Agent[object, Any]:
    """Asks and, if the answer has not the shape of `answer`, once more with what is wrong with it."""
    has_schemas = model.profile.get("supports_json_schema_output", False)
    return Agent(
        model,
        name="memory-layer",
        output_type=NativeOutput(answer) if has_schemas else answer,
        instructions=instructions,
        model_settings=settings,
        retries=REPAIRS,
    )


class _PatientModel(WrapperModel):
    """A model whose calls go through the circuit, are retried and counted, and fail with our exceptions."""

    def __init__(
        self, wrapped: Model, vendor: LanguageVendor, circuit: Circuit, timeout_seconds: float, spent: list[Usage]
    ) -> None:
        super().__init__(wrapped)
        self._vendor = vendor
        self._circuit = circuit
        self._timeout_seconds = timeout_seconds
        self._spent = spent
        # The last attempt begins within two timeouts and ends within the third.
        self._no_retry_after = asyncio.get_running_loop().time() + RETRIES * timeout_seconds

    async def request(self, *question: Any) -> ModelResponse:
        budget = self._no_retry_after - asyncio.get_running_loop().time()
        call = super().request
        response = await patiently_awaited(
            lambda: self._attempt(lambda: call(*question)), retries=RETRIES, budget_seconds=budget
        )
        self._spent.append(_usage(response))
        if response.finish_reason == "content_filter":
            raise Refused(f"{self._vendor.label}: {self.model_name}, or a filter, refused to answer this text")
        return response

    async def _attempt(self, call: Callable[[], Awaitable[ModelResponse]]) -> ModelResponse:
        with self._circuit.attempt():
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    return await call()
            except (*NOT_ITS_API, TimeoutError, httpx2.TransportError) as error:
                raise self._ours(error) from None  # the vendor's message may repeat the key or the text

    def _ours(self, error: Exception) -> ProviderError:
        label = self._vendor.label
        match error:
            case ModelHTTPError():
                asked = retry_info(error.body) if error.retry_after is None else error.retry_after
                return failure(label, error.status_code, key=self._vendor.key, model=MODEL_SETTING, retry_after=asked)
            case ModelConnectionError() | ModelRequestTimeout() | TimeoutError() | httpx2.TransportError():
                return ProviderUnavailable(f"{label} could not be reached ({type(error).__name__})")
            case _:
                return ProviderRejected(f"{label}: the answer is not one of its API; check MEMORY_LLM_BASE_URL")


def _usage(response: ModelResponse) -> Usage:
    return Usage(
        calls=1,
        input_tokens=response.usage.input_tokens,
        output_tokens=response.usage.output_tokens,
        cost=_cost(response),
    )


def _cost(response: ModelResponse) -> Decimal | None:
    """By the price list that comes with genai-prices; None for a model that is not on it."""
    try:
        return response.cost().total_price
    except (AssertionError, LookupError, ValueError):
        return None
