"""A service with a read replica: a real one, which streams from the embedded PostgreSQL."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest
import redis
import requests

from memory_layer import embedded
from memory_layer.embedded_servers import Postgres, Redis
from memory_layer.running import RunningStack
from memory_layer.tests.integration.conftest import DEPLOYMENT_KEY, USER, Service
from memory_layer.tests.standby import Standby

READS = re.compile(r'^database_replica_reads_total\{outcome="(\w+)",replica="replica-1"\} (\S+)', re.MULTILINE)
CLIENTS, REQUESTS = 4, 120
RULE = {"name": "old", "rule_type": "custom", "conditions": {"role": ["tool"]}, "action": "archive", "priority": 1}
# Of no tenant, or of all; and one that is another's for a key of an end user.
ELSEWHERE = {"/v1/admin/health", "/v1/admin/readiness", "/v1/analytics/tenants", "/v1/conscious"}


@dataclass
class Replicated:
    """A running service, and the replica that it reads from."""

    stack: RunningStack
    standby: Standby
    redis: Redis

    def outcomes(self) -> dict[str, float]:
        """How reads from the replica went so far, all processes of the API together."""
        answer = requests.get(self.stack.url + "/metrics", timeout=30)
        return {outcome: float(count) for outcome, count in READS.findall(answer.text)}

    def count(self, outcome: str) -> float:
        return self.outcomes().get(outcome, 0.0)

    def scans(self) -> int:
        """How often the replica looked for messages."""
        seen = "SELECT seq_scan + idx_scan FROM pg_stat_user_tables WHERE relname = 'memories_message'"
        return int(self.standby.asks(seen))

    def tenant(self) -> Service:
        operator = Service(self.stack.url, DEPLOYMENT_KEY)
        return Service(self.stack.url, operator.post("/v1/api-keys", tenant_id=uuid4().hex, name="test")["key"])

    def until_read_from(self, service: Service) -> None:
        """The replica knows all that the tenant wrote."""

        def is_read_from() -> bool:
            before = self.count("read")
            service.get("/v1/messages")
            return self.count("read") > before

        service.until(is_read_from)


@pytest.fixture(scope="module")
def replicated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicated]:
    folder = tmp_path_factory.mktemp("replicated")
    data = folder / "data"
    with embedded.lease(data):
        standby = Standby(folder / "standby", primary=Postgres(data))
        standby.start()
        variables = {"MEMORY_API_KEYS": DEPLOYMENT_KEY, "MEMORY_READ_REPLICA_URLS": standby.url}
        try:
            with RunningStack(folder, MEMORY_EXTRACTION_DEBOUNCE_SECONDS="0", **variables) as stack:
                stack.wait_for("celery@.* ready")
                yield Replicated(stack, standby, Redis(data))
        finally:
            standby.stop()


@pytest.fixture
def service(replicated: Replicated) -> Service:
    """With a key of a tenant that no other test has, and some turns, embedded and replayed."""
    service = replicated.tenant()
    service.post("/v1/ingest", user_id=USER, session_id="monday", role="user", content="I live in Austin.")
    service.until(lambda: service.get("/v1/messages?embedding_status=completed")["items"])
    service.until_read()
    replicated.until_read_from(service)
    return service


@pytest.fixture
def paused(replicated: Replicated) -> Iterator[None]:
    """The replica receives what is written, and shows none of it."""
    replicated.standby.asks("SELECT pg_wal_replay_pause()")
    yield
    replicated.standby.asks("SELECT pg_wal_replay_resume()")


READ_ONLY = [
    "/v1/messages",
    "/v1/messages?metadata.kind=note",
    "/v1/conversations",
    "/v1/conversations/monday",
    "/v1/conversations/monday/messages",
    "/v1/conversations/monday/stats",
    "/v1/memory/search?query=Where do I live?",
    f"/v1/memory/context?query=Where do I live?&user_id={USER}",
    "/v1/history/monday",
    f"/v1/conscious/{USER}",
    f"/v1/facts/{USER}",
    f"/v1/timeline?user_id={USER}",
    f"/v1/users/{USER}/profile",
    "/v1/jobs",
    "/v1/analytics/usage",
    "/v1/analytics/trends",
    "/v1/analytics/top-conversations",
    "/v1/analytics/embeddings",
]


@pytest.mark.parametrize("path", READ_ONLY)
def test_what_only_reads_is_read_from_the_replica(replicated, service, path):
    before = replicated.outcomes()
    service.get(path)
    after = replicated.outcomes()
    assert after.pop("read") > before.pop("read")
    assert after == before


def administrators(replicated: Replicated, service: Service) -> list[str]:
    """What an administrator reads of the tenant, and all that has an id."""
    (turn,) = service.get("/v1/messages")["items"]
    (fact,) = service.get(f"/v1/facts/{USER}")["facts"]
    operator, tenant = Service(replicated.stack.url, DEPLOYMENT_KEY), {"tenant_id": turn["tenant_id"]}
    rule = operator.post("/v1/retention/rules", **tenant, **RULE)["id"]
    run = operator.post("/v1/retention/execute", **tenant, dry_run=True)["id"]
    job = service.get("/v1/jobs")["items"][0]["id"]
    replicated.until_read_from(service)
    by_id = [f"messages/{turn['id']}", f"facts/{fact['id']}/source", f"jobs/{job}", f"users/{USER}"]
    lists = ["users", "api-keys", "audit", "retention/policy", "retention/rules", "retention/runs", "retention/holds"]
    lists += ["retention/receipts", f"retention/rules/{rule}", f"retention/runs/{run}"]
    return [f"/v1/{path}?tenant_id={turn['tenant_id']}" for path in (*by_id, *lists)]


def test_what_an_administrator_reads_and_what_has_an_id_is_read_there_too(replicated, service):
    operator = Service(replicated.stack.url, DEPLOYMENT_KEY)
    for address in administrators(replicated, service):
        before = replicated.count("read")
        operator.get(address)
        assert replicated.count("read") > before, address


def test_no_address_to_read_from_is_left_out_here(replicated, service):
    operations = service.get("/openapi.json")["paths"].items()
    templates = {path for path, methods in operations if "get" in methods} - ELSEWHERE
    asked = [address.partition("?")[0] for address in READ_ONLY + administrators(replicated, service)]
    patterns = {path: re.sub(r"\{\w+\}", "[^/]+", path) for path in templates}
    assert [path for path, it in patterns.items() if not any(re.fullmatch(it, address) for address in asked)] == []


@pytest.mark.parametrize("path", ["/v1/recall", "/v1/memory/search", "/v1/memory/context"])
def test_a_question_in_a_body_is_read_from_the_replica(replicated, service, path):
    before, scans = replicated.count("read"), replicated.scans()
    service.post(path, query="Where do I live?", user_id=USER)
    assert replicated.count("read") > before
    if path != "/v1/recall":
        service.until(lambda: replicated.scans() > scans)


def test_a_message_is_in_the_next_list_whatever_the_replica_lacks(replicated, service, paused):
    stored = service.post("/v1/messages", conversation_id="monday", role="user", content="I moved to Dallas.")
    assert service.get("/v1/messages")["items"][0]["id"] == stored["id"]
    assert service.get(f"/v1/messages/{stored['id']}")["content"] == "I moved to Dallas."
    assert replicated.standby.asks("SELECT count(*) FROM memories_message WHERE content LIKE '%Dallas%'") == 0


def found(service: Service, query: str) -> list[str]:
    answer = service.post("/v1/memory/search", query=query)
    return [hit["content"] for hit in answer["items"]]


def test_a_message_is_found_by_its_words_at_once_and_by_its_meaning_once_it_is_embedded(service, paused):
    assert found(service, "Which pets are there?") == found(service, "Which pets are there?")  # from the cache
    stored = service.post("/v1/messages", conversation_id="monday", role="user", content="A cat named Tom lives here.")
    assert "A cat named Tom lives here." in found(service, "Which cat is there?")
    service.until(lambda: service.get(f"/v1/messages/{stored['id']}")["embedding_status"] == "completed")
    assert "A cat named Tom lives here." in found(service, "Which pets are there?")


def test_what_was_changed_or_deleted_is_seen_no_more(service, paused):
    (turn,) = service.get("/v1/messages")["items"]
    address = f"{service.url}/v1/messages/{turn['id']}"
    service.api.patch(address, json={"content": "I live in Oslo."}, timeout=30).raise_for_status()
    assert found(service, "Where do I live?") == ["I live in Oslo."]
    service.api.delete(address, timeout=30).raise_for_status()
    assert found(service, "Where do I live?") == []


def test_who_wrote_nothing_reads_from_a_replica_that_is_behind(replicated, service, paused):
    another = replicated.tenant()
    another.post("/v1/messages", conversation_id="monday", role="user", content="Somebody else's.")
    before = replicated.count("read")
    service.get("/v1/messages")
    assert replicated.count("read") == before + 1


def test_a_redis_that_was_emptied_shows_nobody_the_past(replicated, service, paused):
    service.post("/v1/messages", conversation_id="monday", role="user", content="I moved to Dallas.")
    with redis.Redis.from_url(replicated.redis.url) as client:
        client.flushdb()
    assert "I moved to Dallas." in found(service, "moved Dallas")


def test_nothing_written_before_a_redis_was_emptied_keeps_reads_from_coming_back(replicated, service):
    with redis.Redis.from_url(replicated.redis.url) as client:
        client.flushdb()
    replicated.until_read_from(service)


def test_the_loss_of_the_replica_costs_no_request_and_it_is_asked_again_when_it_is_back(replicated, service):
    def ask(number: int) -> int:
        if number == CLIENTS * 5:
            replicated.standby.kill()
        body = {"query": f"Where do I live, or {number}?"}
        answer = service.api.post(f"{service.url}/v1/memory/search", json=body, timeout=30)
        return int(answer.status_code)

    lost = replicated.count("lost")
    with ThreadPoolExecutor(CLIENTS) as clients:
        statuses = list(clients.map(ask, range(REQUESTS)))
    assert statuses == [200] * REQUESTS
    assert replicated.count("lost") > lost
    replicated.standby.start()
    replicated.until_read_from(service)


def test_what_replaying_takes_back_is_answered_by_the_primary(replicated, service):
    """A lock that comes through the log ends the reads that are in its way, at once where no delay is allowed."""
    replicated.standby.asks("ALTER SYSTEM SET max_standby_streaming_delay = 0")
    replicated.standby.asks("SELECT pg_reload_conf()")
    lost, primary = replicated.count("lost"), replicated.standby.primary._superuser("memory_layer")

    def is_taken_back() -> bool:
        asking = [clients.submit(found, service, f"Where do I live, or {uuid4()}?") for _ in range(REQUESTS)]
        for _ in range(REQUESTS):
            connection.execute("BEGIN; LOCK TABLE memories_message IN ACCESS EXCLUSIVE MODE; COMMIT")
        assert all(asked.result() for asked in asking)
        return bool(replicated.count("lost") > lost)

    with ThreadPoolExecutor(CLIENTS) as clients, psycopg.connect(primary, autocommit=True) as connection:
        service.until(is_taken_back)
