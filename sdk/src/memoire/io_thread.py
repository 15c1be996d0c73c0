"""A daemon thread with an event loop, where all of a client's exchanges run.

Whoever asked waits for the outcome as long as it wants, and no longer: neither a name server that hangs nor a body that
drips keeps it. Blocking and asynchronous callers, of any loop, share connections that way.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
STOP = 1.0  # seconds to wait for the thread's end


def in_daemon_thread(function: Callable[..., T], *args: Any, **options: Any) -> Future[T]:
    """Unlike a thread of a pool it holds up neither the exit nor the end of an event loop."""
    outcome: Future[T] = Future()
    outcome.set_running_or_notify_cancel()  # who gives up waiting must not cancel what the thread will set

    def run() -> None:
        try:
            outcome.set_result(function(*args, **options))
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            outcome.set_exception(error)

    try:
        threading.Thread(target=run, name="memoire-aside", daemon=True).start()
    except RuntimeError:  # no thread can be started, as at the interpreter's end
        run()
    return outcome


class Loop(asyncio.SelectorEventLoop):
    """Looks names up in daemon threads."""

    async def getaddrinfo(self, *args: Any, **options: Any) -> Any:
        return await asyncio.wrap_future(in_daemon_thread(socket.getaddrinfo, *args, **options), loop=self)


class IoThread:
    """Starts with the first coroutine. `finish` runs in the loop as the last one."""

    def __init__(self, *, finish: Callable[[], Awaitable[None]]) -> None:
        self._finish = finish
        self._lock = threading.RLock()  # the collector may close a dropped stream in here, which submits its turn
        self._loop: Loop | None = None
        self._thread: threading.Thread | None = None
        self._is_stopped = False

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """RuntimeError when there is no thread for it. Under the lock: what comes before the stop is ended by it."""
        with self._lock:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop or self._started())

    def stop(self, *, wait: bool = True) -> None:
        """Whatever still runs is cancelled; nothing starts any more."""
        with self._lock:
            self._is_stopped = True
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop and thread:
            loop.call_soon_threadsafe(loop.stop)
        if wait and thread:
            thread.join(STOP)

    def _started(self) -> Loop:
        if self._is_stopped:
            raise RuntimeError("The thread was stopped.")
        loop = Loop()
        thread = threading.Thread(target=self._run, args=(loop,), name="memoire", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            loop.close()
            raise
        self._loop, self._thread = loop, thread
        return loop

    def _run(self, loop: Loop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            loop.run_until_complete(self._end())
        finally:
            loop.close()

    async def _end(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self._finish()
        await asyncio.sleep(0)  # what was closed just now ends in the loop's next round
