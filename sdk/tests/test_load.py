"""A thousand at a time: nothing is lost while the service is there, and nothing grows while it is not."""

from __future__ import annotations

import asyncio
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from memoire import Memoire, MemoireAsync
from memoire.ingest_queue import BYTES
from tests.conftest import KEY
from tests.service import Service
from tests.test_ingest_queue import by_session
from tests.wrapping.loopback import served
from tests.wrapping.surfaces import CHAT

MANY, WRAPPED = 1000, 250
PATIENCE = 60.0  # seconds: here the machine is what is slow
TURNS = ["asked", "answered"]
EXPECTED = {f"s{number}": TURNS for number in range(MANY)}


def in_threads(work: Callable[[int], object], *, count: int = MANY) -> None:
    """All at once: none begins before all are there. What one raises is raised."""
    failures: list[BaseException] = []
    ready = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            ready.wait()
            work(number)
        except BaseException as error:  # noqa: BLE001 - raised below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_thousand_threads_lose_nothing(service: Service) -> None:
    with Memoire(KEY, service.url, PATIENCE, strict=True, queue_size=2 * MANY) as client:

        def talk(number: int) -> None:
            client.ingest("asked", session_id=f"s{number}")
            assert client.recall("Where?", user_id=f"u{number}")
            client.ingest("answered", session_id=f"s{number}", role="assistant")

        in_threads(talk)
        assert client.flush(PATIENCE)
        assert client.dropped == 0
    assert by_session(service.turns()) == EXPECTED


def test_a_thousand_coroutines_lose_nothing(service: Service) -> None:
    async def talk() -> int:
        async with MemoireAsync(KEY, service.url, PATIENCE, strict=True, queue_size=2 * MANY) as client:

            async def say(number: int) -> None:
                await client.ingest("asked", session_id=f"s{number}")
                assert await client.recall("Where?", user_id=f"u{number}")
                await client.ingest("answered", session_id=f"s{number}", role="assistant")

            await asyncio.gather(*(say(number) for number in range(MANY)))
            assert await client.flush(PATIENCE)
            return client.dropped

    assert asyncio.run(talk()) == 0
    assert by_session(service.turns()) == EXPECTED


def conversations(service: Service) -> list[list[str]]:
    return list(by_session([{**turn, "content": turn["role"]} for turn in service.turns()]).values())


def test_wrapped_calls_of_threads_lose_nothing(service: Service) -> None:
    with served() as vendor, Memoire(KEY, service.url, PATIENCE, queue_size=2 * MANY) as memory:
        bare = CHAT.client(vendor.url).with_options(max_retries=9)
        with memory.wrap(bare, user="ann") as client:
            in_threads(
                lambda number: CHAT.ask(client, CHAT.turns("Hi"), memoire_session_id=f"s{number}"), count=WRAPPED
            )
        assert memory.flush(PATIENCE)
        assert memory.dropped == 0
    assert all("Lives in Austin." in CHAT.system(sent) for sent in vendor.requests)
    assert conversations(service) == [["user", "assistant"]] * WRAPPED


def test_wrapped_calls_of_coroutines_lose_nothing(service: Service) -> None:
    async def talk(url: str) -> int:
        async with MemoireAsync(KEY, service.url, PATIENCE, queue_size=2 * MANY) as memory:
            bare = CHAT.async_client(url).with_options(max_retries=9)
            async with memory.wrap(bare, user="ann") as client:
                calls = (CHAT.ask(client, CHAT.turns("Hi"), memoire_session_id=f"s{n}") for n in range(WRAPPED))
                await asyncio.gather(*calls)
            assert await memory.flush(PATIENCE)
            return memory.dropped

    with served() as vendor:
        assert asyncio.run(talk(vendor.url)) == 0
    assert conversations(service) == [["user", "assistant"]] * WRAPPED


@pytest.mark.parametrize("behaviour", ["hangs", "500"])
def test_with_the_service_down_a_thousand_threads_wait_for_nothing_and_memory_is_bounded(
    service: Service, behaviour: str
) -> None:
    service.behaviour = behaviour
    turns_each, turn = 3, "x" * 50_000
    client = Memoire(KEY, service.url, queue_size=MANY)
    slowest: list[float] = []

    def talk(number: int) -> None:
        for _ in range(turns_each):
            began = time.perf_counter()
            client.ingest(turn, session_id=f"s{number}")
            slowest.append(time.perf_counter() - began)

    tracemalloc.start()
    in_threads(talk)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    kept = min(BYTES // size_of(turn), MANY)
    assert client.dropped == MANY * turns_each - kept
    assert held < 2 * BYTES
    assert sorted(slowest)[len(slowest) // 2] < 0.05
    client.close(0)
    assert client.dropped == MANY * turns_each


def size_of(turn: Any) -> int:
    """Of a turn as it is sent: with the names of its fields, a session's id and one of its own."""
    return len(turn) + 124
