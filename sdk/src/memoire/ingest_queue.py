"""Turns on their way to the service. Nobody waits for them: they are kept, sent in order, and tried again."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

from memoire.calls import Call
from memoire.errors import MemoireAuthError, MemoireRateLimited, MemoireRequestError

log = logging.getLogger("memoire")

AT_A_TIME = 8  # sessions
ATTEMPTS = 12
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0  # seconds
GRACE = 0.01  # seconds before a lane begins: whoever put the turn goes its way undisturbed
SEND = 10.0  # seconds for one attempt
BYTES = 32 * 2**20  # of turns that wait: a thousand of 32 KB each

Send = Callable[[Call[None]], Coroutine[Any, Any, None]]
Submit = Callable[[Coroutine[Any, Any, None]], Future[None]]


class IngestQueue:
    """At most `size` turns, and BYTES of them, in a lane for each session: what was put first is stored first.

    `send` stores a turn or raises MemoireError; `submit` runs a coroutine in the client's thread.
    """

    def __init__(self, *, send: Send, submit: Submit, size: int) -> None:
        self._send = send
        self._submit = submit
        self._size = size
        self._changed = threading.Condition()
        self._lanes: dict[str, deque[Call[None]]] = {}
        self._slots = asyncio.Semaphore(AT_A_TIME)
        self._waiting = self._bytes = 0  # with those being sent
        self._is_closed = False
        self._is_dropping = False
        self.dropped = 0

    def put(self, call: Call[None], *, session_id: str) -> None:
        """Returns at once. What finds no room is dropped."""
        with self._changed:
            has_room = not self._is_closed and self._has_room(call)
            is_new_lane = has_room and self._enter(call, session_id)
        if not has_room:
            self._drop("the queue is closed" if self._is_closed else "the queue is full")
        elif is_new_lane:
            self._start(session_id)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until nothing waits; False when something still does after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, timeout)

    def close(self, timeout: float) -> None:
        """Send what can be sent in `timeout` seconds and drop the rest. Nothing is taken after that."""
        self.flush(timeout)
        with self._changed:
            self._is_closed = True
            rest, self._waiting, self._bytes = self._waiting, 0, 0
            self._lanes.clear()
            self._changed.notify_all()
        if rest:
            self._drop("the client was closed", count=rest)

    def _has_room(self, call: Call[None]) -> bool:
        return self._waiting < self._size and self._bytes + _size(call) <= BYTES

    def _enter(self, call: Call[None], session_id: str) -> bool:
        """True when the session had no lane. A lane is made first: the collector, in between, may put a turn, too."""
        lane: deque[Call[None]] = deque()
        is_new = self._lanes.setdefault(session_id, lane) is lane
        self._lanes[session_id].append(call)
        self._waiting += 1
        self._bytes += _size(call)
        return is_new

    def _start(self, session_id: str) -> None:
        lane = self._serve(session_id)
        try:
            self._submit(lane)
        except RuntimeError:  # no thread can be started: the interpreter ends, or the machine has no more
            lane.close()
            self._abandon(session_id)

    def _abandon(self, session_id: str) -> None:
        with self._changed:
            lost = self._lanes.pop(session_id, deque())
            for call in lost:
                self._leave(call)
        if lost:
            self._drop("no thread can be started", count=len(lost))

    async def _serve(self, session_id: str) -> None:
        await asyncio.sleep(GRACE)
        async with self._slots:
            while call := self._next(session_id):
                await self._deliver(call)
                with self._changed:
                    self._leave(call)

    def _next(self, session_id: str) -> Call[None] | None:
        """The lane's next turn; without one the lane ends."""
        with self._changed:
            if lane := self._lanes.get(session_id):
                return lane.popleft()
            self._lanes.pop(session_id, None)
            return None

    def _leave(self, call: Call[None]) -> None:
        if self._is_closed:  # close() counted it
            return
        self._waiting -= 1
        self._bytes -= _size(call)
        if not self._waiting:
            self._changed.notify_all()

    async def _deliver(self, call: Call[None]) -> None:
        """Until it is stored, refused, or tried often enough. It carries an id: a repeat is stored once."""
        for attempt in range(ATTEMPTS):
            error = await self._failure(call)
            if error is None:
                self._is_dropping = False
                return
            if isinstance(error, (MemoireAuthError, MemoireRequestError)):
                self._drop(str(error))
                return
            if attempt + 1 < ATTEMPTS:
                await asyncio.sleep(_pause(error, attempt))
        self._drop("the memory service is away")

    async def _failure(self, call: Call[None]) -> Exception | None:
        try:
            await asyncio.wait_for(self._send(call), SEND)
        except Exception as error:  # noqa: BLE001 - whatever it is, the lane goes on
            return error
        return None

    def _drop(self, reason: str, *, count: int = 1) -> None:
        """Counted each time, told once until a turn gets through again."""
        with self._changed:
            self.dropped += count
            is_first, self._is_dropping = not self._is_dropping, True
        if is_first:
            log.warning("Turns are not remembered: %s (%d dropped so far).", reason, self.dropped)


def _size(call: Call[None]) -> int:
    return len(call.body or b"")


def _pause(error: Exception, attempt: int) -> float:
    """Seconds: what the service asked for, else twice as long each time, within a random half."""
    if isinstance(error, MemoireRateLimited) and error.retry_after is not None:
        return min(error.retry_after, LONGEST_PAUSE)
    longest = min(FIRST_PAUSE * 2.0**attempt, LONGEST_PAUSE)
    return random.uniform(longest / 2, longest)
