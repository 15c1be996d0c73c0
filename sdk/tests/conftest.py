from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from memoire import Memoire, MemoireAsync
from tests.service import Service, served

KEY = "memori_test_key"
Call = Callable[[Any], Any]


class Blocking:
    """A client whose methods are called."""

    def __init__(self, **options: Any) -> None:
        self.client: Any = Memoire(KEY, **options)

    def __call__(self, call: Call) -> Any:
        """What `call` of the client returns."""
        return call(self.client)


class Awaiting(Blocking):
    """A client whose methods are awaited, each time in a new loop."""

    def __init__(self, **options: Any) -> None:
        self.client = MemoireAsync(KEY, **options)

    def __call__(self, call: Call) -> Any:
        async def outcome() -> Any:
            result = call(self.client)
            return await result if inspect.isawaitable(result) else result

        return asyncio.run(outcome())


Make = Callable[..., Blocking]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MEMOIRE_API_KEY", "MEMOIRE_BASE_URL", "MEMOIRE_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    server = served(service)
    yield service
    service.released.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def absent_url() -> str:
    """Where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture(params=[Blocking, Awaiting], ids=["sync", "async"])
def make(request: pytest.FixtureRequest, service: Service) -> Iterator[Make]:
    """A client of either kind, of the service unless told otherwise; closed at the end."""
    made: list[Blocking] = []

    def new(**options: Any) -> Blocking:
        made.append(request.param(**{"base_url": service.url, **options}))
        return made[-1]

    yield new
    for one in made:
        one(lambda client: client.close(0.1))
