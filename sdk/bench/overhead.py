"""What a wrapped call costs more than a bare one, with recall answered in 5 ms: `python -m bench.overhead`.

Vendor and memory are servers on loopback in a process of their own. The memory's pause is such that a plain connection
(http.client) has its answer after 5 ms, which is what recall takes. Bare and wrapped calls take turns.
"""

from __future__ import annotations

import asyncio
import http.client
import inspect
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from bench.servers import KEY, servers
from memoire import Memoire, MemoireAsync
from tests.wrapping.surfaces import SURFACES, Surface

CALLS, WARM_UP = 100, 20
RECALL, PAUSE = 0.005, 0.03  # seconds; in the pause turns are sent, so that they burden no bare call
Ask = Callable[[], Awaitable[Any]]


def main() -> None:
    with servers(recall=0) as (memory_url, _):
        pause = max(RECALL - plain(memory_url), 0)
    with servers(recall=pause) as (memory_url, vendor_url):
        print(f"recall by a plain connection: {1000 * plain(memory_url):.2f} ms")
        print(f"{'':24}{'bare ms':>9}{'wrapped ms':>12}{'added ms':>10}   (medians of {CALLS}; recall in 5 ms)")
        for surface in SURFACES:
            for kind in (Memoire, MemoireAsync):
                bare, wrapped = asyncio.run(measured(surface, kind, memory_url=memory_url, vendor_url=vendor_url))
                name = f"{surface.name} {'sync' if kind is Memoire else 'async'}"
                print(f"{name:24}{bare:9.2f}{wrapped:12.2f}{wrapped - bare:10.2f}", flush=True)


def plain(memory_url: str) -> float:
    """The median seconds of a recall over one connection of the standard library."""
    address = urlsplit(memory_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    body = json.dumps({"user_id": "ann", "query": "Where do I live?", "limit": 5})
    took = []
    for _ in range(CALLS):
        began = time.perf_counter()
        connection.request("POST", "/v1/recall", body, {"X-API-Key": KEY, "Content-Type": "application/json"})
        connection.getresponse().read()
        took.append(time.perf_counter() - began)
        time.sleep(PAUSE)
    connection.close()
    return statistics.median(took)


async def measured(
    surface: Surface, kind: type[Memoire | MemoireAsync], *, memory_url: str, vendor_url: str
) -> tuple[float, float]:
    """Medians in milliseconds, bare and wrapped."""
    make = surface.client if kind is Memoire else surface.async_client
    memory = kind(KEY, memory_url, strict=True)
    asks = [asking(surface, client) for client in (make(vendor_url), memory.wrap(make(vendor_url), user="ann"))]
    for ask in asks * WARM_UP:
        await ask()
    took = [[await timed(ask) for ask in asks] for _ in range(CALLS)]  # in turns: what burdens one burdens the other
    closed = memory.close()
    if closed is not None:
        await closed
    bare, wrapped = (statistics.median(column) * 1000 for column in zip(*took, strict=True))
    return bare, wrapped


def asking(surface: Surface, client: Any) -> Ask:
    turns = surface.turns("Where do I live?")

    async def ask() -> Any:
        answer = surface.ask(client, turns)
        return await answer if inspect.isawaitable(answer) else answer

    return ask


async def timed(ask: Ask) -> float:
    began = time.perf_counter()
    await ask()
    took = time.perf_counter() - began
    await asyncio.sleep(PAUSE)
    return took


if __name__ == "__main__":
    main()
