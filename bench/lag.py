"""From write to searchable under a steady load, with one worker: `python -m bench.lag [--kill]`.

Starts `manage.py up` in a folder of its own and sends messages over REST from this process at a fixed rate, whatever
the answers take. The lag of a message is the time from sending it to its vectors being stored. `--kill` kills -9 the
worker and its children in the middle; `up` starts it again.
"""

import argparse
import os
import signal
import statistics
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import django
import psutil
import requests

if TYPE_CHECKING:
    from memory_layer.running import RunningStack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")
KEY = "bench-key"
SUBJECTS = (
    "the garden",
    "a train to Lisbon",
    "my sister",
    "the invoice",
    "a broken boiler",
    "piano lessons",
    "the dog",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=20.0, help="messages a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kill", action="store_true", help="kill -9 the worker half-way")
    options = parser.parse_args()
    django.setup()
    from memory_layer.running import RunningStack

    with (
        tempfile.TemporaryDirectory(prefix="memory-bench-") as folder,
        RunningStack(Path(folder), MEMORY_API_KEYS=KEY) as stack,
    ):
        stack.wait_for("Memory Layer is up")
        stack.wait_for("celery@.* ready")
        warm_up(stack.url)
        sent = send(stack, rate=options.rate, seconds=options.seconds, kill=options.kill)
        report(stack.data_dir, sent)


def warm_up(url: str) -> None:
    """Wait until the worker has loaded its model and embedded a first message."""
    store(url, -1)
    while not requests.get(f"{url}/v1/messages?embedding_status=completed", headers={"X-API-Key": KEY}).json()["items"]:
        time.sleep(0.2)


def store(url: str, number: int) -> tuple[float, requests.Response]:
    text = f"Message {number} is about {SUBJECTS[number % len(SUBJECTS)]}, and what became of it on day {number}."
    body = {"conversation_id": f"c{number % 20}", "role": "user", "content": text}
    started = time.time()
    return started, requests.post(f"{url}/v1/messages", json=body, headers={"X-API-Key": KEY}, timeout=30)


def send(stack: "RunningStack", *, rate: float, seconds: float, kill: bool) -> dict[str, float]:
    """Message ids that were accepted (2xx), with the time each was sent."""
    count = int(rate * seconds)
    pool = ThreadPoolExecutor(16)
    started = time.perf_counter()
    futures: list[Future[tuple[float, requests.Response]]] = []
    for number in range(count):
        time.sleep(max(0.0, started + number / rate - time.perf_counter()))
        futures.append(pool.submit(store, stack.url, number))
        if kill and number == count // 2:
            kill_worker(stack.child("worker"))
    answers = [future.result() for future in futures]
    accepted = [(sent, response) for sent, response in answers if response.ok]
    print(f"sent {count} at {rate:.0f}/s, accepted {len(accepted)}")
    return {response.json()["id"]: sent for sent, response in accepted}


def kill_worker(worker: psutil.Process) -> None:
    for process in [*worker.children(recursive=True), worker]:
        process.send_signal(signal.SIGKILL)
    print("killed -9 the worker and its children")


def report(data_dir: Path, sent: dict[str, float]) -> None:
    import psycopg

    from memory_layer import embedded

    with psycopg.connect(embedded.database_url(data_dir), autocommit=True) as database:
        database.execute("SET ROLE memory_maintenance")
        deadline = time.monotonic() + 180
        unfinished = "SELECT count(*) FROM memories_messageembedding WHERE status <> 'completed'"
        while database.execute(unfinished).fetchone() != (0,) and time.monotonic() < deadline:
            time.sleep(0.5)
        rows = database.execute(
            "SELECT message_id::text, extract(epoch FROM completed_at) FROM memories_messageembedding "
            "WHERE status = 'completed'"
        ).fetchall()
        stored = database.execute("SELECT count(*), count(DISTINCT content) FROM memories_message").fetchone()
        vectors = "SELECT count(*), count(DISTINCT message_id) FROM memories_embeddingwindow"
        windows = database.execute(vectors).fetchone()
    completed: dict[str, float] = dict(rows)
    lags = sorted(float(completed[one]) - at for one, at in sent.items() if one in completed)
    print(
        f"completed {len(lags)} of {len(sent)} accepted; rows, distinct texts: {stored}; vectors, messages: {windows}"
    )
    cuts = statistics.quantiles(lags, n=20)
    print(f"write to searchable: p50 {statistics.median(lags):.2f} s, p95 {cuts[18]:.2f} s, worst {lags[-1]:.2f} s")


if __name__ == "__main__":
    main()
