"""A Python whose clock is wrong by as many seconds as a file says, as long as the file is there.

On the PYTHONPATH of a process it is imported before all else. It covers what Python itself tells the time by:
`time.time`, `time.time_ns`, `datetime.now`, `utcnow`, and `date.today`. Servers beside it (PostgreSQL, Redis) keep the
right time, and so do monotonic clocks. The file is named by the part whose clock it is, in the folder CHAOS_CLOCK.
"""

import ctypes
import datetime
import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

LOOK_EVERY_SECONDS = 0.5
PARTS = ("granian", "worker", "beat")
right_time, right_now = time.time, datetime.datetime.now
read_at, seconds = -LOOK_EVERY_SECONDS, 0.0


def off() -> float:
    """By how many seconds the clock is wrong now."""
    global read_at, seconds
    if time.monotonic() - read_at > LOOK_EVERY_SECONDS:
        read_at = time.monotonic()
        try:
            seconds = float(file.read_text())
        except (OSError, ValueError):
            seconds = 0.0
    return seconds


def now(_: type, tz: datetime.tzinfo | None = None) -> datetime.datetime:
    return right_now(tz) + datetime.timedelta(seconds=off())


def put(kind: type, name: str, function: Callable[..., object]) -> None:
    """Replace a method of a type written in C: a subclass in its place would not be the type that others know."""
    gc.get_referents(kind.__dict__)[0][name] = classmethod(function)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))


if part := next((part for part in PARTS if part in sys.orig_argv), None):
    file = Path(os.environ["CHAOS_CLOCK"]) / part
    time.time = lambda: right_time() + off()
    time.time_ns = lambda: int(time.time() * 1e9)
    put(datetime.datetime, "now", now)
    put(datetime.datetime, "utcnow", lambda kind: now(kind, datetime.UTC).replace(tzinfo=None))
    put(datetime.date, "today", lambda kind: kind.fromtimestamp(time.time()))
