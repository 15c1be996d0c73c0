"""Patience with remote vendors, and its end: a few retries, and a circuit that leaves a failing vendor alone.

The circuit is our own because the libraries do not serve threads: pybreaker holds its lock during the call, so that one
slow answer stops every search; circuitbreaker lets all of them wait for a vendor that may still hang, not one probe.
"""

import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from memories import metrics
from memories.providers.base import ProviderRejected, ProviderUnavailable

T = TypeVar("T")
_backoff = wait_random_exponential(multiplier=0.5, max=8)


class CircuitOpen(ProviderUnavailable):
    """The vendor failed repeatedly and is left alone for a while; nothing was sent."""

    outcome = "paused"


class Circuit:
    """Opens after `failure_threshold` failures in a row; every `recovery_seconds` one call may try the vendor again."""

    def __init__(
        self,
        vendor: str,
        *,
        failure_threshold: int,
        recovery_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vendor = vendor
        self._failure_threshold = failure_threshold
        self._recovery_seconds = recovery_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._next_probe = 0.0
        self._open = metrics.circuit_open.labels(vendor)

    def call(self, attempt: Callable[[], T]) -> T:
        """The attempt's result; CircuitOpen, at once, while the circuit is open."""
        with self.attempt():
            return attempt()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """The block is an attempt, whose outcome counts; CircuitOpen, before it begins, while the circuit is open."""
        self._admit()
        try:
            with metrics.timed(metrics.provider_seconds, vendor=self._vendor):
                yield
        except ProviderUnavailable:
            self._failed()
            raise
        except ProviderRejected:  # the vendor is up: it answered
            self._answered()
            raise
        self._answered()

    def _admit(self) -> None:
        with self._lock:
            if self._failures < self._failure_threshold:
                return
            wait = self._next_probe - self._clock()
            if wait > 0:
                message = f"{self._vendor} failed repeatedly; calls to it are paused"
                raise CircuitOpen(message, retry_after=wait)
            self._next_probe = self._clock() + self._recovery_seconds  # this call is the probe, the others keep off

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures == self._failure_threshold:
                self._open.inc()
            self._next_probe = self._clock() + self._recovery_seconds

    def _answered(self) -> None:
        with self._lock:
            if self._failures >= self._failure_threshold:
                self._open.dec()
            self._failures = 0


def patiently(attempt: Callable[[], T], *, retries: int, budget_seconds: float) -> T:
    """The attempt's result, after at most `retries` further tries begun within the budget; else its last error.

    Waits as long as the vendor asked for, or with exponential backoff and full jitter.
    """
    return Retrying(**_patience(retries=retries, budget_seconds=budget_seconds))(attempt)


async def patiently_awaited(attempt: Callable[[], Awaitable[T]], *, retries: int, budget_seconds: float) -> T:
    """`patiently`, for an attempt that is awaited."""

    async def awaited() -> T:  # tenacity awaits what is declared `async`, and nothing else
        return await attempt()

    return await AsyncRetrying(**_patience(retries=retries, budget_seconds=budget_seconds))(awaited)


def _patience(*, retries: int, budget_seconds: float) -> dict[str, Any]:
    return {
        "retry": retry_if_exception(_is_worth_a_retry),
        "stop": stop_after_attempt(retries + 1) | stop_before_delay(budget_seconds),
        "wait": _wait,
        "reraise": True,
    }


def _is_worth_a_retry(error: BaseException) -> bool:
    return isinstance(error, ProviderUnavailable) and not isinstance(error, CircuitOpen)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ProviderUnavailable) else None
    return _backoff(state) if asked is None else asked


def failure(
    vendor: str, status: int, *, key: str, model: str, retry_after: float | None = None
) -> ProviderRejected | ProviderUnavailable:
    """The error for an HTTP status; `key` and `model` name the settings that may be wrong.

    The vendor's own words are left out, since some repeat the key or the text.
    """
    if status in (408, 409, 425, 429) or status >= 500:
        return ProviderUnavailable(f"{vendor} answered HTTP {status}", retry_after=retry_after)
    hint = {
        401: f"check {key}",
        402: "its account has no credit left",
        403: f"check {key} and what it may use",
        404: f"check {model} and the base URL",
    }.get(status, f"it does not accept the key ({key}), the model ({model}) or the input")
    return ProviderRejected(f"{vendor} refused with HTTP {status}: {hint}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the vendor wants to be asked again: its Retry-After, a number or a date (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after")
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def retry_info(body: object) -> float | None:
    """Seconds that Google asks for in an error's body: `google.rpc.RetryInfo`, such as `"retryDelay": "34s"`."""
    delay = re.search(r"'retryDelay': '(\d+(?:\.\d+)?)s'", str(body))
    return float(delay[1]) if delay else None
