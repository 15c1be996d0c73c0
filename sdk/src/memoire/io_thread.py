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


class Loop(asyncio.SelectorEventLoop):
    """Looks names up in daemon threads: those of the usual pool hold up the exit, and are gone while it drains."""

    async def getaddrinfo(self, *args: Any, **options: Any) -> Any:
        found: Future[Any] = Future()
        found.set_running_or_notify_cancel()  # who gives up waiting must not cancel what the thread will set

        def look_up() -> None:
            try:
                found.set_result(socket.getaddrinfo(*args, **options))
            except BaseException as error:  # noqa: BLE001 - whoever waits is told
                found.set_exception(error)

        threading.Thread(target=look_up, name="memoire-dns", daemon=True).start()
        return await asyncio.wrap_future(found, loop=self)


class IoThread:
    """Starts with the first coroutine. `finish` runs in the loop as the last one."""

    def __init__(self, *, finish: Callable[[], Awaitable[None]]) -> None:
        self._finish = finish
        self._lock = threading.RLock()  # the collector may close a dropped stream in here, which submits its turn
        self._loop: Loop | None = None
        self._thread: threading.Thread | None = None
        self._is_stopped = False

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """RuntimeError when there is no thread for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._started())

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
        with self._lock:
            if self._is_stopped:
                raise RuntimeError("The thread was stopped.")
            if self._loop is None:
                loop = Loop()
                thread = threading.Thread(target=self._run, args=(loop,), name="memoire", daemon=True)
                thread.start()
                self._loop, self._thread = loop, thread
            return self._loop

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
