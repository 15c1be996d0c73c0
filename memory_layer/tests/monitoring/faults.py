"""Faults that are really made, each with the alerts that must fire while it lasts."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import requests

from memory_layer.tests.integration.conftest import Service
from memory_layer.tests.monitoring.parts import KEY, REFUSED, Models, Parts

TENANT = "watched"


@dataclass
class Watched:
    """A service under observation, and who calls it."""

    parts: Parts
    vendor: Models
    caller: Service

    def store(self, *contents: str, role: str = "user", age: timedelta = timedelta()) -> None:
        said = (datetime.now(UTC) - age).isoformat()
        turn = {"tenant_id": TENANT, "conversation_id": "one", "role": role, "created_at": said}
        self.caller.post("/v1/messages/batch", messages=[turn | {"content": content} for content in contents])

    def search(self, query: str) -> Any:
        return self.caller.post("/v1/memory/search", tenant_id=TENANT, query=query)

    def ingest(self, content: str) -> None:
        self.caller.post(
            "/v1/ingest", tenant_id=TENANT, user_id="maya", session_id="monday", role="user", content=content
        )

    def ask(self, key: str = KEY) -> int:
        """Any question; return the status of its answer."""
        url = f"{self.parts.url}/v1/conversations?tenant_id={TENANT}"
        return requests.get(url, headers={"X-API-Key": key}, timeout=30).status_code

    def has_counted(self, label: str, *parts: str) -> bool:
        """Whether one of `parts` exposes something with this label."""
        addresses = [f"http://127.0.0.1:{self.parts.ports[part]}/metrics" for part in parts]
        return any(label in requests.get(address, timeout=30).text for address in addresses)

    def is_embedded(self) -> bool:
        path = f"/v1/messages?tenant_id={TENANT}&embedding_status="
        return not self.caller.get(f"{path}pending")["items"] + self.caller.get(f"{path}processing")["items"]


def be_used(watched: Watched) -> None:
    """One of everything that is counted: stored, embedded, found, read, recalled, retired, refused."""
    post, old = watched.caller.post, timedelta(days=60)
    for role in ("user", "tool", "system"):
        watched.store(f"Said by {role} long ago.", role=role, age=old)
    rule = {"tenant_id": TENANT, "rule_type": "custom", "priority": 1}
    for role, action in (("tool", "delete"), ("system", "move_to_cold_storage")):
        post("/v1/retention/rules", **rule, name=role, action=action, conditions={"role": [role], "older_than_days": 7})
    watched.ingest("I live in Austin, Texas.")
    Service.until(watched.is_embedded)
    for query in ("Where?", "Where?", "Who?"):
        watched.search(query)
    Service.until(lambda: watched.caller.get(f"/v1/facts/maya?tenant_id={TENANT}")["facts"])
    post("/v1/recall", tenant_id=TENANT, user_id="maya", query="Where does Maya live?")
    for dry_run in (True, False):
        post("/v1/retention/execute", tenant_id=TENANT, dry_run=dry_run)


Again = Callable[[], object]


@contextmanager
def suspended(processes: list[psutil.Process]) -> Iterator[None]:
    """There, and without an answer, as on a machine that hangs."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


@contextmanager
def worker_hangs(watched: Watched) -> Iterator[Again]:
    with suspended(watched.parts.family("worker")):
        watched.store(*(f"Waiting {number}" for number in range(1000)))
        watched.store("One more.")
        yield lambda: None


@contextmanager
def fact_worker_hangs(watched: Watched) -> Iterator[Again]:
    with suspended(watched.parts.family("fact-worker")):
        watched.ingest("I live in Austin, Texas, still.")
        yield lambda: None


@contextmanager
def vendor_is_down(watched: Watched) -> Iterator[Again]:
    watched.vendor.is_down = True
    watched.store("Nobody embeds this.")
    try:
        yield lambda: watched.search(f"Asked at {time.monotonic()}")
    finally:
        watched.vendor.is_down = False
        Service.until(lambda: not watched.search(f"Asked at {time.monotonic()}")["degraded"])


@contextmanager
def vendor_refuses_a_text(watched: Watched) -> Iterator[Again]:
    watched.store(REFUSED)
    yield lambda: None
    refused = watched.caller.get(f"/v1/messages?tenant_id={TENANT}&embedding_status=failed")["items"]
    ids = [message["id"] for message in refused]
    watched.caller.post("/v1/messages/batch/delete", tenant_id=TENANT, message_ids=ids)


@contextmanager
def database_is_stopped(watched: Watched) -> Iterator[Again]:
    watched.parts.postgres.stop()
    try:
        yield lambda: None
        Service.until(lambda: watched.has_counted('outcome="failure"', "worker", "fact-worker"))
    finally:
        watched.parts.postgres.start()
        Service.until(lambda: watched.ask() == 200)


@contextmanager
def replica_is_stopped(watched: Watched) -> Iterator[Again]:
    watched.parts.standby.stop()
    try:
        yield watched.ask
    finally:
        watched.parts.standby.start()


@contextmanager
def replica_is_paused(watched: Watched) -> Iterator[Again]:
    """It receives what is written, and shows none of it."""
    watched.parts.standby.asks("SELECT pg_wal_replay_pause()")
    watched.store("The replica does not know this.")
    try:
        yield watched.ask
    finally:
        watched.parts.standby.asks("SELECT pg_wal_replay_resume()")


@contextmanager
def redis_hangs(watched: Watched) -> Iterator[Again]:
    with suspended([psutil.Process(pid) for pid in watched.parts.redis.processes()]):
        yield watched.ask
    Service.until(lambda: watched.ask() == 200)


@contextmanager
def api_hangs(watched: Watched) -> Iterator[Again]:
    with suspended([psutil.Process(watched.parts.processes["api"].pid)]):
        yield lambda: None


@contextmanager
def client_is_out_of_hand(watched: Watched) -> Iterator[Again]:
    key = watched.caller.post("/v1/users", tenant_id=TENANT)["api_key"]
    yield lambda: watched.ask(key)


@dataclass(frozen=True)
class Fault:
    make: Callable[[Watched], AbstractContextManager[Again]]
    alerts: frozenset[str]


def fault(make: Callable[[Watched], AbstractContextManager[Again]], *alerts: str) -> Fault:
    return Fault(make, frozenset(alerts))


FAULTS = [
    fault(database_is_stopped, "DatabaseDown"),
    fault(replica_is_stopped, "ReplicaLost"),
    fault(replica_is_paused, "ReplicaBehind"),
    fault(vendor_refuses_a_text, "EmbeddingFailed"),
    fault(client_is_out_of_hand, "RateLimitRefusesMuch"),
    fault(worker_hangs, "EmbeddingWorkerStopped", "EmbeddingBacklogGrows"),
    fault(fact_worker_hangs, "FactWorkerStopped"),
    fault(vendor_is_down, "ProviderPaused", "ProviderFails", "SearchesDegraded"),
    fault(api_hangs, "ApiDown", "PartDown"),
    fault(redis_hangs, "RedisDown", "BrokerDown", "ErrorsHigh"),
]
