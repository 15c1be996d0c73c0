"""A memory and a vendor on loopback, in a process of their own: the measured one has its interpreter to itself."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests import service
from tests.wrapping import loopback

KEY = "memori_bench_key"


@contextmanager
def servers(*, recall: float) -> Iterator[tuple[str, str]]:
    """Addresses of the memory, which recalls in so many seconds, and of the vendor."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, recall), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


class _Slow(service.Service):
    """Takes its time to recall."""

    def __init__(self, *, recall: float) -> None:
        super().__init__()
        self.recall = recall

    def taken(self, request: service.Request) -> bool:
        if request.path == "/v1/recall":
            time.sleep(self.recall)
        return True


def _serve(pipe: Any, recall: float) -> None:
    memory = _Slow(recall=recall)
    service.served(memory)
    with loopback.served() as vendor:
        pipe.send((memory.url, vendor.url))
        while True:
            time.sleep(60)
