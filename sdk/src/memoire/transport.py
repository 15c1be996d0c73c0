"""One exchange with the service: the request, the answer's status as a typed error, its body as a model."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
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
LIMITS = httpx2.Limits(max_connections=100, max_keepalive_connections=100)
LONGEST_ANSWER = 16 * 2**20  # bytes; the longest of the service's own have a few MB
OK, NO_CONTENT, REDIRECTION, BAD_REQUEST, SERVER_ERROR = 200, 204, 300, 400, 500
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TOO_MANY_REQUESTS = 401, 403, 404, 429


@dataclass(frozen=True)
class Answer:
    status: int
    content: bytes = field(repr=False)
    retry_after: str


class Transport:
    """The connections, made at the first request, in the event loop that they belong to. Deadlines are the callers'.

    They are used without httpx2's client on top, whose timeouts by phase would let a slow drip pass, and whose proxies
    of the environment would hear what was said: the service is a neighbour. It also halves the time of a call.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._headers = {"X-API-Key": config.api_key, "User-Agent": USER_AGENT, "Accept": "application/json"}
        self._params = {"tenant_id": config.tenant_id} if config.tenant_id else {}
        self._connections: httpx2.AsyncHTTPTransport | None = None

    async def send(self, call: Call[T]) -> T:
        """The answer; MemoireError of the fitting kind when there is none, whatever the reason."""
        answer = await self._answer(call)
        if answer.status == NOT_FOUND and call.absent_is_empty:
            return call.empty()
        if not OK <= answer.status < REDIRECTION:
            raise refusal(answer)
        return _read(call, answer)

    async def close(self) -> None:
        if self._connections is not None:
            await self._connections.aclose()
            self._connections = None

    async def _answer(self, call: Call[T]) -> Answer:
        try:
            self._connections = self._connections or httpx2.AsyncHTTPTransport(limits=LIMITS)
            return await _received(await self._connections.handle_async_request(self._request(call)))
        except MemoireError:
            raise
        except Exception as error:  # any: nothing of the network may reach the application
            raise MemoireUnavailable(f"No answer from the memory service ({type(error).__name__}).") from error

    def _request(self, call: Call[T]) -> httpx2.Request:
        return httpx2.Request(
            call.method,
            self._config.base_url + call.path,
            params={**self._params, **call.params} or None,
            headers=self._headers if call.body is None else {**self._headers, "Content-Type": "application/json"},
            content=call.body,
        )


def refusal(answer: Answer) -> MemoireError:
    """What an answer other than 2xx means. A redirection is not followed: the key is for one address alone."""
    told, status = _error_body(answer), answer.status
    reason = f"The memory service answered {status}" + (f" ({told['code']})." if told["code"] else ".")
    if status in (UNAUTHORIZED, FORBIDDEN):
        return MemoireAuthError(reason, status=status, **told)
    if status == TOO_MANY_REQUESTS:
        limited = MemoireRateLimited(reason, status=status, **told)
        limited.retry_after = _seconds(answer.retry_after)
        return limited
    if BAD_REQUEST <= status < SERVER_ERROR:
        return MemoireRequestError(reason, status=status, **told)
    if status >= SERVER_ERROR:
        return MemoireUnavailable(reason, status=status, **told)
    return MemoireResponseError(reason, status=status)


async def _received(response: httpx2.Response) -> Answer:
    """The whole answer; MemoireResponseError when it is longer than any of the service's."""
    content = bytearray()
    try:
        async for piece in response.aiter_bytes():
            content += piece
            if len(content) > LONGEST_ANSWER:
                raise MemoireResponseError("The memory service's answer is too long.", status=response.status_code)
    finally:
        await response.aclose()
    return Answer(response.status_code, bytes(content), response.headers.get("Retry-After", ""))


def _read(call: Call[T], answer: Answer) -> T:
    try:
        return call.read(None if answer.status == NO_CONTENT else json.loads(answer.content))
    except (ValueError, RecursionError) as error:  # no JSON, or pydantic's ValidationError
        reason = f"The memory service's answer to {call.name} cannot be understood."
        raise MemoireResponseError(reason, status=answer.status) from error


def _error_body(answer: Answer) -> dict[str, Any]:
    """Code, detail and field of the first error that the body tells of; None for each that it does not."""
    first: Any = None
    with suppress(ValueError, RecursionError, LookupError, TypeError):
        first = json.loads(answer.content)["errors"][0]
    told = first if isinstance(first, dict) else {}
    return {name: told[name] if isinstance(told.get(name), str) else None for name in ("code", "detail", "attr")}


def _seconds(retry_after: str) -> float | None:
    """None for the form with a date, which the service does not use."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
