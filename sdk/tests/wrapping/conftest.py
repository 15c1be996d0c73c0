"""A vendor on loopback and a memory that keeps in mind what it is asked and told."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from .loopback import Vendor, served


@dataclass
class Fact:
    content: str


@dataclass
class Memory:
    """The one stand-in here: `facts` are recalled, `failure` is raised instead."""

    facts: list[Any] = field(default_factory=lambda: [Fact("lives in Austin")])
    failure: Exception | None = None
    queries: list[tuple[str, str | None]] = field(default_factory=list)
    turns: list[tuple[str, str]] = field(default_factory=list)
    users: list[str | None] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)

    def recall(self, query: str, *, user_id: str | None = None, limit: int = 5) -> Any:
        self.queries.append((query, user_id))
        if self.failure:
            raise self.failure
        return self.facts[:limit]

    def ingest(self, content: str, *, session_id: str, role: str = "user", user_id: str | None = None) -> Any:
        if self.failure:
            raise self.failure
        self.turns.append((role, content))
        self.users.append(user_id)
        self.sessions.append(session_id)


@dataclass
class MemoryAsync(Memory):
    async def recall(self, query: str, *, user_id: str | None = None, limit: int = 5) -> Any:
        return super().recall(query, user_id=user_id, limit=limit)

    async def ingest(self, content: str, *, session_id: str, role: str = "user", user_id: str | None = None) -> None:
        super().ingest(content, session_id=session_id, role=role, user_id=user_id)


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with served() as vendor:
        yield vendor
