"""A circuit breaker: after failures in a row the service is skipped for a while, so that nobody waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from memoire.errors import MemoireError, MemoireRequestError, MemoireUnavailable

log = logging.getLogger("memoire")

FAILURES = 5  # in a row
PAUSE = 30.0  # seconds


class CircuitOpen(MemoireUnavailable):
    """The service is being skipped."""


class Circuit:
    """Counts failures in a row. After a pause one call may try; how it fares decides for all."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._skip_until = 0.0
        self._is_probing = False

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A call inside: CircuitOpen when the service is skipped. A refused request (4xx) shows that it is there."""
        self._enter()
        try:
            yield
        except MemoireRequestError:
            self._succeeded()
            raise
        except MemoireError:
            self._failed()
            raise
        except BaseException:  # the caller gave up: it tells nothing of the service
            self._left()
            raise
        self._succeeded()

    def _enter(self) -> None:
        with self._lock:
            if self._failures < FAILURES:
                return
            if self._is_probing or self._clock() < self._skip_until:
                raise CircuitOpen(f"The memory service failed {self._failures} times in a row; it is skipped for now.")
            self._is_probing = True

    def _succeeded(self) -> None:
        with self._lock:
            self._failures = 0
            self._is_probing = False

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._is_probing = False
            self._skip_until = self._clock() + PAUSE
            opened = self._failures == FAILURES
        if opened:
            log.warning("The memory service failed %d times in a row and is skipped for %d s.", FAILURES, PAUSE)

    def _left(self) -> None:
        with self._lock:
            self._is_probing = False
