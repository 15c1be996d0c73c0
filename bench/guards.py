"""What guarding costs: `python -m bench.guards`.

Throughput of `POST /v1/messages` with keys, rate limits and row-level security, as a share of that without any of them:
two servers of one process each on the same database, asked in turns by the same client process.
"""

import http.client
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")
ROUNDS, REQUESTS, CLIENTS = 9, 400, 4
RATE = "1000000/minute"  # counted, never reached
GUARDED = {f"MEMORY_{name}_RATE_LIMIT": RATE for name in ("GLOBAL", "TENANT", "USER_KEY")}
UNGUARDED = {f"MEMORY_{name}_RATE_LIMIT": "0" for name in ("GLOBAL", "TENANT", "USER_KEY")} | {
    "MEMORY_REQUIRE_API_KEY": "false"
}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="memory-bench-") as folder:
        os.environ |= {"MEMORY_DATA_DIR": folder, "MEMORY_LOG_LEVEL": "WARNING", "MEMORY_EMBEDDING_PROVIDER": "mock"}
        django.setup()
        from django.conf import settings

        from memory_layer import embedded

        with embedded.lease(settings.MEMORY_DATA_DIR):
            report()


def report() -> None:
    from django.conf import settings

    from memory_layer import stack

    key = stack.prepare().api_key or ""
    superuser = settings.DATABASE_URL.replace("memory_layer@", "postgres@")
    with (
        server("memory_layer.wsgi:application", GUARDED) as guarded,
        server("bench.unguarded:application", UNGUARDED | {"MEMORY_DATABASE_URL": superuser}) as unguarded,
    ):
        for one in (guarded, unguarded):
            rate(one, key)
        rounds = [(rate(guarded, key), rate(unguarded, "")) for _ in range(ROUNDS)]
    on, off = (statistics.median(rates) for rates in zip(*rounds, strict=True))
    lost = sorted(1 - with_guards / without for with_guards, without in rounds)
    print(f"stores/s with all guards {on:.0f}, without {off:.0f} (medians of {ROUNDS} rounds of {REQUESTS} in turns)")
    print(f"lost: {statistics.median(lost):.0%} (rounds from {lost[0]:.0%} to {lost[-1]:.0%})")


@contextmanager
def server(application: str, variables: dict[str, str], *, workers: int = 1) -> Iterator[int]:
    """API processes on a port of their own."""
    from memory_layer import stack
    from memory_layer.running import free_port

    port = free_port()
    command = [
        application if part == "memory_layer.wsgi:application" else part for part in stack.api_command(workers=workers)
    ]
    command[command.index("--port") + 1] = str(port)
    process = subprocess.Popen(command, env={**stack.environment(), **variables}, cwd=Path(__file__).parent.parent)
    try:
        if not stack.wait_until_it_answers(f"http://127.0.0.1:{port}/livez"):
            raise SystemExit(f"{application} did not start.")
        yield port
    finally:
        process.terminate()
        process.wait()


def rate(port: int, key: str) -> float:
    """Stores a second of CLIENTS clients, each with a connection of its own."""
    threads = [threading.Thread(target=ask, args=(port, key)) for _ in range(CLIENTS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return REQUESTS / (time.perf_counter() - started)


def ask(port: int, key: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers: dict[str, Any] = {"Content-Type": "application/json"} | ({"X-API-Key": key} if key else {})
    for number in range(REQUESTS // CLIENTS):
        body = {"conversation_id": f"c{number % 10}", "role": "user", "content": f"Message {number} of a benchmark."}
        connection.request("POST", "/v1/messages", json.dumps(body), headers)
        response = connection.getresponse()
        if response.status != 202:
            raise SystemExit(f"{response.status}: {response.read()[:300]!r}")
        response.read()
    connection.close()


if __name__ == "__main__":
    main()
