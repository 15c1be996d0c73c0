"""One exchange with the service: the request, the answer's status as a typed error, its body as a model."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, TypeVar

import httpx2

from memoire.calls import Call
from memoire.config import Config
from memoire.errors import (
    MemoireAuthError,
    MemoireError,
    MemoireRateLimited,
    MemoireRequestError,
    MemoireResponseError,
    MemoireUnavailable,
)

T = TypeVar("T")
USER_AGENT = "memoire-python/0.1.0"
NO_CONTENT = 204


class Transport:
    """The HTTP client, made at the first request, in the event loop that it belongs to. Deadlines are the callers'."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._client: httpx2.AsyncClient | None = None

    async def send(self, call: Call[T]) -> T:
        """The answer; MemoireError of the fitting kind when there is none."""
        response = await self._response(call)
        if response.status_code == httpx2.codes.NOT_FOUND and call.absent_is_empty:
            return call.empty()
        if not response.is_success:
            raise refusal(response)
        return _read(call, response)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _response(self, call: Call[T]) -> httpx2.Response:
        client = self._client = self._client or _new_client(self._config)
        headers = {} if call.body is None else {"Content-Type": "application/json"}
        try:
            return await client.request(
                call.method, call.path, params=dict(call.params), content=call.body, headers=headers
            )
        except Exception as error:  # any: nothing of the network may reach the application
            raise MemoireUnavailable(f"No answer from the memory service ({type(error).__name__}).") from error


def refusal(response: httpx2.Response) -> MemoireError:
    """What an answer other than 2xx means."""
    told, status = _error_body(response), response.status_code
    reason = f"The memory service answered {status}" + (f" ({told['code']})." if told["code"] else ".")
    if status in (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN):
        return MemoireAuthError(reason, status=status, **told)
    if status == httpx2.codes.TOO_MANY_REQUESTS:
        limited = MemoireRateLimited(reason, status=status, **told)
        limited.retry_after = _retry_after(response)
        return limited
    if response.is_client_error:
        return MemoireRequestError(reason, status=status, **told)
    if response.is_server_error:
        return MemoireUnavailable(reason, status=status, **told)
    return MemoireResponseError(reason, status=status)


def _new_client(config: Config) -> httpx2.AsyncClient:
    """It has no timeouts of its own: they would be by phase, and a slow drip would pass them."""
    return httpx2.AsyncClient(
        base_url=config.base_url,
        headers={"X-API-Key": config.api_key, "User-Agent": USER_AGENT, "Accept": "application/json"},
        params={"tenant_id": config.tenant_id} if config.tenant_id else None,
        timeout=None,
    )


def _read(call: Call[T], response: httpx2.Response) -> T:
    try:
        return call.read(None if response.status_code == NO_CONTENT else json.loads(response.content))
    except (ValueError, RecursionError) as error:  # no JSON, or pydantic's ValidationError
        reason = f"The memory service's answer to {call.name} cannot be understood."
        raise MemoireResponseError(reason, status=response.status_code) from error


def _error_body(response: httpx2.Response) -> dict[str, Any]:
    """Code, detail and field of the first error that the body tells of; None for each that it does not."""
    first: Any = None
    with suppress(ValueError, RecursionError, LookupError, TypeError):
        first = json.loads(response.content)["errors"][0]
    told = first if isinstance(first, dict) else {}
    return {name: told[name] if isinstance(told.get(name), str) else None for name in ("code", "detail", "attr")}


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds; None for the form with a date, which the service does not use."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None
