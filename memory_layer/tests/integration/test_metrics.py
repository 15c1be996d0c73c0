"""Two processes of the API and a worker under load: what they say they counted is what was sent."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
import requests
from django.conf import settings

from memory_layer.running import NO_LIMITS, free_port
from memory_layer.stack import wait_until_it_answers
from memory_layer.tests.integration.conftest import DEPLOYMENT_KEY, Service
from memory_layer.tests.metrics.samples import Samples, scraped

CLIENTS, ROUNDS = 6, 10
POOL_MAX = ("database_pool_connections", "max")
LIMIT, OVER = 5, 3  # requests of a user key, a day


@dataclass
class Parts:
    """`api --workers 2` and `worker`, each started alone on the same data."""

    folder: Path
    port: int = field(default_factory=free_port)
    worker_port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def variables(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if "MEMORY_" not in name}
        own = {"MEMORY_DATA_DIR": str(self.folder / "data"), "MEMORY_PORT": str(self.port)}
        own |= {"MEMORY_USER_KEY_RATE_LIMIT": f"{LIMIT}/day", "MEMORY_CACHE_SEARCH_TTL_SECONDS": "3600"}
        own |= {"MEMORY_API_KEYS": DEPLOYMENT_KEY, "MEMORY_EMBEDDING_PROVIDER": "mock", "TMPDIR": str(self.folder)}
        return {**kept, **NO_LIMITS, **own, "DJANGO_SETTINGS_MODULE": "memory_layer.settings"}

    def run(self, *arguments: str) -> None:
        subprocess.run(self._command(*arguments), env=self.variables(), check=True, timeout=120)

    def start(self, *arguments: str, **more: str) -> None:
        out = (self.folder / f"{arguments[0]}.log").open("wb")
        self.processes[arguments[0]] = subprocess.Popen(
            self._command(*arguments), env=self.variables() | more, stdout=out, stderr=out
        )
        out.close()

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]

    def api_workers(self) -> list[psutil.Process]:
        """The processes that answer, the oldest first: children of the server, which is the command's child."""
        (server,) = psutil.Process(self.processes["api"].pid).children()
        return sorted(server.children(), key=lambda one: one.create_time())

    def end(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(60)
        self.processes.clear()

    def told(self) -> Samples:
        return scraped(f"{self.url}/metrics")

    def told_by_worker(self) -> Samples:
        return scraped(f"http://127.0.0.1:{self.worker_port}/metrics")


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    parts = Parts(tmp_path_factory.mktemp("parts"))
    parts.run("migrate", "-v0")
    try:
        parts.start("api", "--workers", "2")
        parts.start("worker", MEMORY_METRICS_PORT=str(parts.worker_port))
        assert wait_until_it_answers(f"{parts.url}/v1/admin/readiness")
        assert wait_until_it_answers(f"http://127.0.0.1:{parts.worker_port}/metrics")
        yield parts
    finally:
        parts.end()


@dataclass
class Load:
    """A client that keeps count of what it sent and was answered, by the names of the metrics."""

    url: str
    key: str = DEPLOYMENT_KEY
    sent: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.http = requests.Session()
        self.http.headers["X-API-Key"] = self.key

    def call(self, method: str, path: str, *, route: str, **options: object) -> requests.Response:
        answer = self.http.request(method, self.url + path, timeout=30, **options)  # type: ignore[arg-type]
        self.sent["http_requests_total", method, route, str(answer.status_code)] += 1
        self.sent["http_request_duration_seconds_count", method, route] += 1
        if answer.status_code == 429:
            self.sent["rate_limit_hits_total", "user_key"] += 1
        return answer

    def store(self, tenant: str) -> None:
        turn = {"conversation_id": "c1", "role": "user", "content": f"I live in Austin {uuid4().hex}."}
        self.call("POST", "/v1/messages", route="v1/messages", json=turn | {"tenant_id": tenant})
        batch = {"tenant_id": tenant, "messages": [turn, turn | {"role": "assistant"}, turn | {"content": ""}]}
        assert self.call("POST", "/v1/messages/batch", route="v1/messages/batch", json=batch).status_code == 207
        self.sent["messages_created_total", "user"] += 2
        self.sent["messages_created_total", "assistant"] += 1

    def search(self, tenant: str, *, text: str, cache: str, mode: str = "hybrid") -> None:
        wanted = {"tenant_id": tenant, "query": text, "mode": mode}
        self.call("GET", "/v1/memory/search", route="v1/memory/search", params=wanted)
        self.sent["memory_searches_total", cache, "false", mode] += 1

    def fail(self, tenant: str) -> None:
        assert self.call("GET", f"/v1/messages/{uuid4()}", route="v1/messages/<uuid:message_id>").status_code == 404
        assert self.call("GET", f"/v1/{uuid4()}", route="unmatched").status_code == 404
        assert self.call("POST", "/v1/messages", route="v1/messages", json={"tenant_id": tenant}).status_code == 400
        assert self.call("PUT", "/v1/messages", route="v1/messages").status_code == 405

    def write_and_read(self, tenant: str) -> None:
        for turn in range(ROUNDS):
            self.store(tenant)
            self.search(tenant, text=f"Where? {uuid4().hex}", cache="miss")
            self.search(tenant, text=f"Where? {turn} {uuid4().hex}", cache="miss", mode="lexical")
            self.fail(tenant)

    def ask_again(self, tenant: str) -> None:
        """While nothing is written to the tenant."""
        text = f"Where? {uuid4().hex}"
        for turn in range(ROUNDS):
            self.search(tenant, text=text, cache="hit" if turn else "miss")

    def ask_too_often(self, tenant: str) -> None:
        given = {"tenant_id": tenant, "name": "test", "user_id": "maya", "scopes": ["read"]}
        key = self.call("POST", "/v1/api-keys", route="v1/api-keys", json=given).json()["key"]
        limited = Load(self.url, key, self.sent)
        statuses = [limited.call("GET", "/v1/messages", route="v1/messages").status_code for _ in range(LIMIT + OVER)]
        assert statuses == [200] * LIMIT + [429] * OVER


def of_all(parts: Parts, act: Callable[[Load, str], None]) -> Counter[tuple[str, ...]]:
    """What several clients, each of a tenant of its own, sent when all of them did this at once."""
    loads = [Load(parts.url) for _ in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(act, loads, [f"tenant-{number}" for number in range(CLIENTS)]))
    return sum((load.sent for load in loads), Counter())


def growth(before: Samples, after: Samples, names: Counter[tuple[str, ...]]) -> dict[tuple[str, ...], float]:
    """By how much what belongs to the metrics in `names` has grown."""
    metrics = {name for name, *_ in names}
    grown = {key: value - before.get(key, 0.0) for key, value in after.items() if key[0] in metrics}
    return {key: value for key, value in grown.items() if value}


def until_embedded(parts: Parts) -> None:
    Service.until(lambda: parts.told()["embedding_backlog",] == 0)


def test_counters_equal_what_was_sent(parts):
    before, before_worker = parts.told(), parts.told_by_worker()
    sent = of_all(parts, Load.write_and_read)
    until_embedded(parts)
    sent += of_all(parts, Load.ask_again) + of_all(parts, Load.ask_too_often)
    assert sent["http_requests_total", "GET", "v1/messages", "429"] == CLIENTS * OVER
    assert growth(before, parts.told(), sent) == sent
    assert parts.told()[POOL_MAX] == 2 * settings.MEMORY_DATABASE_POOL_SIZE, "one process answered all of it"
    stored = sum(count for (name, *_), count in sent.items() if name == "messages_created_total")
    embedded = Counter({("embedding_jobs_total", "completed"): stored, ("embedding_lag_seconds_count",): stored})
    Service.until(lambda: growth(before_worker, parts.told_by_worker(), embedded) == embedded)


def test_a_killed_process_takes_no_count_along(parts):
    before = parts.told()
    sent = of_all(parts, Load.write_and_read)
    victim = parts.api_workers()[0]
    victim.kill()
    victim.wait(30)
    told = parts.told()
    assert growth(before, told, sent) == sent
    assert told[POOL_MAX] == settings.MEMORY_DATABASE_POOL_SIZE, "how things stand with it is not dropped"
    Service.until(lambda: len(parts.api_workers()) == 2 and victim not in parts.api_workers())
    sent += of_all(parts, Load.write_and_read)
    assert growth(before, parts.told(), sent) == sent


def test_the_worker_counts_tasks_and_leaves_how_things_stand_to_the_api(parts):
    told = parts.told_by_worker()
    assert told["celery_task_duration_seconds_count", "success", "memories.tasks.embed_pending"] > 0
    assert ("database_up",) not in told
    assert parts.told()["database_up",] == 1


def test_a_port_of_its_own_takes_metrics_from_the_port_of_the_api(parts):
    port = free_port()
    api = parts.processes.pop("api")
    api.terminate()
    api.wait(60)
    parts.start("api", MEMORY_METRICS_PORT=str(port))
    assert wait_until_it_answers(f"{parts.url}/livez")
    assert requests.get(f"{parts.url}/metrics", timeout=30).status_code == 404
    assert scraped(f"http://127.0.0.1:{port}/metrics")["database_up",] == 1


def test_nothing_is_left_at_the_end(parts):
    assert len(list(parts.folder.glob("memory-metrics-*"))) == 2
    parts.end()
    assert list(parts.folder.glob("memory-metrics-*")) == []
