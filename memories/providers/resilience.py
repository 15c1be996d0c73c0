"""Patience with remote vendors, and its end: a few retries, and a circuit that leaves a failing vendor alone.

The circuit is our own because the libraries do not serve threads: pybreaker holds its lock during the call, so that one
slow answer stops every search; circuitbreaker lets all of them wait for a vendor that may still hang, not one probe.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from memories.providers.base import EmbeddingRejected, EmbeddingUnavailable

T = TypeVar("T")
_backoff = wait_random_exponential(multiplier=0.5, max=8)


class CircuitOpen(EmbeddingUnavailable):
    """The vendor failed repeatedly and is left alone for a while; nothing was sent."""


class Circuit:
    """Opens after `failure_threshold` failures in a row; every `recovery_seconds` one call may try the vendor again."""

    def __init__(
        self, *, failure_threshold: int, recovery_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failure_threshold = failure_threshold
        self._recovery_seconds = recovery_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._next_probe = 0.0

    def call(self, attempt: Callable[[], T]) -> T:
        """The attempt's result; CircuitOpen, at once, while the circuit is open."""
        self._admit()
        try:
            result = attempt()
        except EmbeddingUnavailable:
            self._failed()
            raise
        except EmbeddingRejected:  # the vendor is up: it answered
            self._answered()
            raise
        self._answered()
        return result

    def _admit(self) -> None:
        with self._lock:
            if self._failures < self._failure_threshold:
                return
            wait = self._next_probe - self._clock()
            if wait > 0:
                raise CircuitOpen("the embedding vendor failed repeatedly; calls to it are paused", retry_after=wait)
            self._next_probe = self._clock() + self._recovery_seconds  # this call is the probe, the others keep off

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._next_probe = self._clock() + self._recovery_seconds

    def _answered(self) -> None:
        with self._lock:
            self._failures = 0


def patiently(attempt: Callable[[], T], *, retries: int, budget_seconds: float) -> T:
    """The attempt's result, after at most `retries` further tries begun within the budget; else its last error.

    Waits as long as the vendor asked for, or with exponential backoff and full jitter.
    """
    return Retrying(
        retry=retry_if_exception(_is_worth_a_retry),
        stop=stop_after_attempt(retries + 1) | stop_before_delay(budget_seconds),
        wait=_wait,
        reraise=True,
    )(attempt)


def _is_worth_a_retry(error: BaseException) -> bool:
    return isinstance(error, EmbeddingUnavailable) and not isinstance(error, CircuitOpen)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, EmbeddingUnavailable) else None
    return _backoff(state) if asked is None else asked


def failure(vendor: str, status: int, *, retry_after: float | None = None) -> EmbeddingRejected | EmbeddingUnavailable:
    """The error for an HTTP status; the vendor's own words are left out, since some repeat the key or the text."""
    if status in (408, 409, 425, 429) or status >= 500:
        return EmbeddingUnavailable(f"{vendor} answered HTTP {status}", retry_after=retry_after)
    hint = {
        401: "check its API key",
        403: "check its API key and what it may use",
        404: "check MEMORY_EMBEDDING_MODEL_NAME and the base URL",
    }.get(status, "it does not accept the key, the model or the input")
    return EmbeddingRejected(f"{vendor} refused with HTTP {status}: {hint}")


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
