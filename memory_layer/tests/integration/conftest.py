"""A running service, in it a tenant for each test, and the vendors of language models on loopback."""

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
import requests
from tests.wrapping.loopback import Vendor, served

from memory_layer.running import RunningStack

DEPLOYMENT_KEY = "deployment-key-of-this-test-run"
USER = "maya"
PATIENCE_SECONDS = 60


@dataclass
class Service:
    """The service as one of its tenants sees it over HTTP."""

    url: str
    key: str
    api: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.api.headers["X-API-Key"] = self.key

    def get(self, path: str) -> Any:
        answer = self.api.get(self.url + path, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, **body: object) -> Any:
        answer = self.api.post(self.url + path, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def turns(self, session: str) -> list[tuple[str, str]]:
        """Who said what in a session, in order."""
        return [(turn["role"], turn["content"]) for turn in self.get(f"/v1/history/{session}")["messages"]]

    def until_both_turns_of(self, session: str) -> list[tuple[str, str]]:
        self.until(lambda: len(self.turns(session)) > 1)
        return self.turns(session)

    def sessions(self) -> list[list[tuple[str, str]]]:
        """The turns of each session, the oldest first."""
        begun = self.get("/v1/conversations")["items"]
        return [self.turns(one["conversation_id"]) for one in sorted(begun, key=lambda one: one["created_at"])]

    def facts(self) -> list[str]:
        return [fact["content"] for fact in self.get(f"/v1/facts/{USER}")["facts"]]

    @staticmethod
    def until(known: Callable[[], Any]) -> Any:
        """What `known` returns as soon as that is something."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (found := known()):
            assert time.monotonic() < end, "what was waited for did not come"
            time.sleep(0.02)
        return found

    def until_read(self) -> None:
        """The fact is there, and nothing is left to be read."""
        self.until(self.facts)
        self.until(
            lambda: not self.get("/v1/jobs?status=queued")["items"] + self.get("/v1/jobs?status=running")["items"]
        )


def got(result: Any) -> Any:
    """What a method of either client returns."""
    return asyncio.run(result) if inspect.iscoroutine(result) else result


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    variables = {"MEMORY_API_KEYS": DEPLOYMENT_KEY, "MEMORY_EXTRACTION_DEBOUNCE_SECONDS": "0"}
    with RunningStack(tmp_path_factory.mktemp("integration"), **variables) as running:
        running.wait_for("celery@.* ready")
        operator = Service(running.url, DEPLOYMENT_KEY)
        turn = {"tenant_id": "first", "user_id": USER, "session_id": "monday", "role": "user", "content": "I am Maya."}
        operator.post("/v1/ingest", **turn)
        operator.post("/v1/recall", tenant_id="first", user_id=USER, query="The API loads its model.")
        yield running


@pytest.fixture
def service(stack: RunningStack) -> Service:
    """With a key of a tenant that no other test has."""
    operator = Service(stack.url, DEPLOYMENT_KEY)
    return Service(stack.url, operator.post("/v1/api-keys", tenant_id=uuid4().hex, name="test")["key"])


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with served() as vendor:
        yield vendor
