"""What guarding costs: `python -m bench.guards`.

Throughput of `POST /v1/messages` with keys, rate limits and row-level security, as a share of that without any of them:
two servers of one process each on the same database, asked in turns by the same client process.
"""

import http.client
import json
import statistics
import threading
import time
from pathlib import Path
from typing import Any

from bench import servers

ROUNDS, REQUESTS, CLIENTS = 9, 400, 4
RATE = "1000000/minute"  # counted, never reached
GUARDED = {f"MEMORY_{name}_RATE_LIMIT": RATE for name in ("GLOBAL", "TENANT", "USER_KEY")}
UNGUARDED = {f"MEMORY_{name}_RATE_LIMIT": "0" for name in ("GLOBAL", "TENANT", "USER_KEY")} | {
    "MEMORY_REQUIRE_API_KEY": "false"
}


def main() -> None:
    with servers.folder(None, MEMORY_EMBEDDING_PROVIDER="mock") as place:
        report(place)


def report(place: Path) -> None:
    from memory_layer import stack

    key = stack.prepare().api_key or ""
    superuser = {"MEMORY_DATABASE_URL": servers.superuser_url()}
    with (
        servers.serving("memory_layer.wsgi:application", place, GUARDED) as guarded,
        servers.serving("bench.unguarded:application", place, UNGUARDED | superuser) as unguarded,
    ):
        for one in (guarded, unguarded):
            rate(one.port, key)
        rounds = [(rate(guarded.port, key), rate(unguarded.port, "")) for _ in range(ROUNDS)]
    on, off = (statistics.median(rates) for rates in zip(*rounds, strict=True))
    lost = sorted(1 - with_guards / without for with_guards, without in rounds)
    print(f"stores/s with all guards {on:.0f}, without {off:.0f} (medians of {ROUNDS} rounds of {REQUESTS} in turns)")
    print(f"lost: {statistics.median(lost):.0%} (rounds from {lost[0]:.0%} to {lost[-1]:.0%})")


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
