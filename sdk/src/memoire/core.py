"""What both clients are made of: settings, circuit, thread, transport and queue, and the rule that nothing fails."""

from __future__ import annotations

import atexit
import logging
import os
import time
import weakref
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from memoire.calls import Call
from memoire.circuit import Circuit, CircuitOpen
from memoire.config import Config
from memoire.errors import MemoireError, MemoireUnavailable
from memoire.ingest_queue import IngestQueue
from memoire.io_thread import IoThread
from memoire.transport import Transport

log = logging.getLogger("memoire")
T = TypeVar("T")
DRAIN = 5.0  # seconds, at close and at exit


class Core:
    """The state behind one client, or behind none any more: a child of a fork begins with a fresh one."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._is_closed = False
        self._begin()
        _cores.add(self)

    def start(self, call: Call[T]) -> Future[T]:
        """The exchange is on its way. MemoireUnavailable when it cannot be."""
        if self._is_closed:
            raise MemoireUnavailable("The client is closed.")
        exchange = self._transport.send(call)
        try:
            return self._io.submit(exchange)
        except RuntimeError as error:  # no thread can be started
            exchange.close()
            raise MemoireUnavailable("No thread can be started.") from error

    def without(self, call: Call[T], error: MemoireError) -> T:
        """The empty answer, and a warning, unless the log knows already; a strict client raises."""
        if self.config.strict:
            raise error
        level = logging.DEBUG if isinstance(error, CircuitOpen) else logging.WARNING
        log.log(level, "%s goes on without memory: %s", call.name, error)
        return call.empty()

    def ingest(self, call: Call[None], *, session_id: str) -> None:
        self.queue.put(call, session_id=session_id)

    def close(self, timeout: float = DRAIN) -> None:
        """Send what waits, for `timeout` seconds at most, and end the thread. A second time does nothing."""
        if not self._is_closed:
            self._is_closed = True
            self.queue.close(timeout)
            self._io.stop()

    def forget(self) -> None:
        """In the child of a fork: threads, locks, connections and what waits in the queue are the parent's."""
        self._let_go.detach()
        _of_the_parent.append((self._io, self._transport, self.queue))
        if not self._is_closed:
            self._begin()

    def _begin(self) -> None:
        self.circuit = Circuit()
        self._transport = Transport(self.config)
        self._io = IoThread(finish=self._transport.close)
        self.queue = IngestQueue(send=self._send, submit=self._io.submit, size=self.config.queue_size)
        self._let_go = weakref.finalize(self, self._io.stop, wait=False)  # of a client that is dropped unclosed
        self._let_go.atexit = False  # _drain_all is

    def _send(self, call: Call[None]) -> Coroutine[Any, Any, None]:
        """By way of this object, so that a client with turns on their way is not dropped."""
        return self._transport.send(call)


def unavailable(error: BaseException) -> MemoireUnavailable:
    """Any other failure, by the name of its kind alone: its text might hold what was said."""
    return MemoireUnavailable(f"No answer from the memory service ({type(error).__name__}).")


_cores: weakref.WeakSet[Core] = weakref.WeakSet()
_of_the_parent: list[Any] = []  # kept: to finalise them would reach into what the parent still uses


def _drain_all() -> None:
    end = time.monotonic() + DRAIN
    for core in list(_cores):
        core.close(max(end - time.monotonic(), 0.0))


def _forget_all() -> None:
    for core in list(_cores):
        core.forget()


atexit.register(_drain_all)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_all)
