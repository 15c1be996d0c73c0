"""A thousand threads, with the service up and away: `python -m bench.load`."""

from __future__ import annotations

import logging
import statistics
import threading
import time

import psutil

from bench.servers import KEY, servers
from memoire import Memoire

THREADS, CALLS = 1000, 10
TURN = "x" * 2_000


def main() -> None:
    logging.disable(logging.WARNING)
    with servers(recall=0.0) as (url, _):
        report("up", url)
    report("away", "http://127.0.0.1:9")


def report(name: str, url: str) -> None:
    """Each thread recalls once and ingests ten turns."""
    process, took = psutil.Process(), list[float]()
    client = Memoire(KEY, url, 60.0, queue_size=THREADS * CALLS if name == "up" else THREADS)
    before, began = process.memory_info().rss, time.perf_counter()

    def talk(number: int) -> None:
        client.recall("Where?", user_id=f"u{number}")
        for _ in range(CALLS):
            start = time.perf_counter()
            client.ingest(TURN, session_id=f"s{number}")
            took.append((time.perf_counter() - start) * 1000)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    called = time.perf_counter() - began
    flushed = client.flush(120.0 if name == "up" else 0)
    sent, grown = time.perf_counter() - began, (process.memory_info().rss - before) / 2**20
    print(
        f"{name}: {THREADS} threads, {THREADS * CALLS} turns; all calls {called:.1f} s, sent {sent:.1f} s ({flushed})"
    )
    print(f"    ingest median {statistics.median(took):.3f} ms, max {max(took):.0f} ms")
    print(f"    dropped {client.dropped}, memory grown by {grown:.0f} MB")
    client.close(0)


if __name__ == "__main__":
    main()
