"""How much later than its timeout a call returns, whatever is wrong with the service: `python -m bench.faults`.

The time is that of a call of `recall` over the timeout; below zero it was back before.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import time

from memoire import Memoire, MemoireAsync
from tests.faults import FAULTS, faulty
from tests.service import Service, served

CALLS, TIMEOUT = 20, 0.2


def main() -> None:
    logging.disable(logging.WARNING)
    print(f"{'over the timeout, ms':26}{'sync median':>12}{'max':>9}{'async median':>14}{'max':>9}   ({CALLS} calls)")
    for fault in FAULTS:
        service = Service()
        server = served(service)
        with faulty(fault, service) as url:
            late = [*sorted(blocking(url)), *sorted(asyncio.run(awaited(url)))]
        service.released.set()
        server.shutdown()
        server.server_close()
        told = [statistics.median(late[:CALLS]), late[CALLS - 1], statistics.median(late[CALLS:]), late[-1]]
        print(f"{fault:26}{told[0]:12.1f}{told[1]:9.1f}{told[2]:14.1f}{told[3]:9.1f}", flush=True)


def blocking(url: str) -> list[float]:
    return [blocked(url) for _ in range(CALLS)]


def blocked(url: str) -> float:
    """With a client of its own, which has not learnt yet to skip the service."""
    client = Memoire("k", url, TIMEOUT)
    began = time.perf_counter()
    client.recall("Where?")
    took = time.perf_counter() - began
    client.close(0)
    return (took - TIMEOUT) * 1000


async def awaited(url: str) -> list[float]:
    late = []
    for _ in range(CALLS):
        async with MemoireAsync("k", url, TIMEOUT) as client:
            began = time.perf_counter()
            await client.recall("Where?")
            late.append((time.perf_counter() - began - TIMEOUT) * 1000)
    return late


if __name__ == "__main__":
    main()
