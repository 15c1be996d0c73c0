"""The fact engine under load: `python -m bench.facts [--kill]`.

Starts `manage.py up` in a folder of its own and ingests turns over REST at a fixed rate, whatever the answers take;
prints how long an ingest took, how long until its turn was read, and whether each fact is there, once. `--kill` kills
-9 the worker and its children again and again meanwhile.
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import requests

from bench.lag import KEY, kill_worker

if TYPE_CHECKING:
    from memory_layer.running import RunningStack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")
USERS = 10
KILL_EVERY_SECONDS = 13.0  # sooner, and `up` takes it for a part that cannot start
TOWNS = ("Austin", "Berlin", "Cork", "Dallas", "Essen", "Fargo", "Ghent", "Hull")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=20.0, help="turns a second")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--kill", action="store_true", help="kill -9 the worker every few seconds")
    options = parser.parse_args()
    django.setup()
    run(rate=options.rate, seconds=options.seconds, kill=options.kill)


def run(*, rate: float, seconds: float, kill: bool) -> None:
    from memory_layer.running import RunningStack

    with (
        tempfile.TemporaryDirectory(prefix="memory-bench-") as folder,
        RunningStack(Path(folder), MEMORY_API_KEYS=KEY) as stack,
    ):
        stack.wait_for("Memory Layer is up")
        stack.wait_for("celery@.* ready")
        over = threading.Event()
        killer = threading.Thread(target=keep_killing, args=(stack, over), daemon=True)
        if kill:
            killer.start()
        accepted = send(stack, rate=rate, seconds=seconds)
        over.set()
        report(stack.data_dir, accepted)


def keep_killing(stack: "RunningStack", over: threading.Event) -> None:
    while not over.wait(KILL_EVERY_SECONDS):
        kill_worker(stack.child("worker"))


def send(stack: "RunningStack", *, rate: float, seconds: float) -> int:
    """How many turns were accepted (2xx)."""
    count = int(rate * seconds)
    with ThreadPoolExecutor(16) as pool:
        started = time.perf_counter()
        futures = []
        for number in range(count):
            time.sleep(max(0.0, started + number / rate - time.perf_counter()))
            futures.append(pool.submit(ingest, stack.url, number))
        answers = [future.result() for future in futures]
    took = sorted(seconds for seconds, response in answers if response.ok)
    cuts = statistics.quantiles(took, n=20)
    print(f"ingested {len(took)} of {count} turns at {rate:.0f}/s of {USERS} users")
    print(f"ingest: p50 {1000 * statistics.median(took):.0f} ms, p95 {1000 * cuts[18]:.0f} ms")
    return len(took)


def ingest(url: str, number: int) -> tuple[float, requests.Response]:
    """A turn that says something new; every fourth of a person says where they live now."""
    user, turn = number % USERS, number // USERS
    said = f"I moved to {TOWNS[turn // 4 % len(TOWNS)]}." if turn % 4 == 0 else f"I like dish{number}."
    body = {"user_id": f"u{user}", "session_id": f"u{user}-{turn // 20}", "role": "user", "content": said}
    started = time.perf_counter()
    response = requests.post(f"{url}/v1/ingest", json=body, headers={"X-API-Key": KEY}, timeout=30)
    return time.perf_counter() - started, response


def report(data_dir: Path, accepted: int) -> None:
    import psycopg

    from memory_layer import embedded

    with psycopg.connect(embedded.database_url(data_dir), autocommit=True) as database:
        database.execute("SET ROLE memory_maintenance")

        def one(query: str) -> Any:
            return database.execute(query).fetchone()

        deadline = time.monotonic() + 600
        while one("SELECT count(*) FROM memories_job WHERE status <> 'succeeded'") != (0,):
            if time.monotonic() > deadline:
                print("not done:", one("SELECT status, error FROM memories_job WHERE status <> 'succeeded'"))
                break
            time.sleep(0.5)
        likes = one("SELECT count(*), count(DISTINCT content) FROM memories_fact WHERE content LIKE 'Likes %'")
        asked = one("SELECT count(*) FROM memories_message WHERE content LIKE 'I like %'")
        homes = one(
            "SELECT count(*), count(DISTINCT end_user_id) FROM memories_fact"
            " WHERE slot = 'location' AND standing = 'holds'"
        )
        read = one("SELECT count(*), count(DISTINCT message_id) FROM memories_reading")
        lag = one(
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY s), percentile_cont(0.95) WITHIN GROUP (ORDER BY s),"
            " max(s) FROM (SELECT extract(epoch FROM finished_at - message.created_at)::float s FROM memories_job job"
            " JOIN memories_reading ON job_id = job.id JOIN memories_message message ON message.id = message_id) lags"
        )
        attempts = one("SELECT count(*), sum(attempts) FROM memories_job")
    print(f"turns accepted {accepted}, readings and messages {read}; jobs, attempts: {attempts}")
    print(f"facts expected {asked[0]}, there are and distinct: {likes}; homes that hold, of so many users: {homes}")
    print(f"ingest to facts: p50 {lag[0]:.1f} s, p95 {lag[1]:.1f} s, worst {lag[2]:.1f} s (pause of a session: 3 s)")


if __name__ == "__main__":
    main()
