"""Everything that can be wrong with a service, and what a strict client makes of it."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memoire import (
    MemoireAuthError,
    MemoireError,
    MemoireRateLimited,
    MemoireRequestError,
    MemoireResponseError,
    MemoireUnavailable,
)
from tests.service import Service

FAULTS: dict[str, type[MemoireError]] = {
    "absent": MemoireUnavailable,
    "without a name": MemoireUnavailable,
    "deaf": MemoireUnavailable,
    "without TLS": MemoireUnavailable,
    "hangs": MemoireUnavailable,
    "hangs after its headers": MemoireUnavailable,
    "drips": MemoireUnavailable,
    "breaks off": MemoireUnavailable,
    "resets": MemoireUnavailable,
    "401": MemoireAuthError,
    "403": MemoireAuthError,
    "404": MemoireRequestError,
    "429": MemoireRateLimited,
    "500": MemoireUnavailable,
    "sends elsewhere": MemoireResponseError,
    "html": MemoireResponseError,
    "truncated JSON": MemoireResponseError,
    "wrong JSON": MemoireResponseError,
    "wrong shape": MemoireResponseError,
}
TIMEOUT = 0.2
SLACK = 2.0  # for a busy machine; bench/faults.py measures closely


@contextmanager
def faulty(fault: str, service: Service) -> Iterator[str]:
    """The address of a service with this fault."""
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        taken = f"http://127.0.0.1:{port.getsockname()[1]}"
        match fault:
            case "absent":  # nobody listens there
                yield taken
            case "deaf":  # connections are made, and never accepted
                port.listen()
                yield taken
            case "without a name":
                yield "http://memory.invalid"
            case "without TLS":
                yield service.url.replace("http:", "https:")
            case _:
                service.behaviour = fault
                yield service.url


def open_files() -> int:
    """Of this process, sockets among them; the client's threads are waited for, and what is in cycles is freed."""
    for thread in threads():
        thread.join(10)
    gc.collect()
    return len(list(Path("/dev/fd").iterdir()))


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("memoire")]
