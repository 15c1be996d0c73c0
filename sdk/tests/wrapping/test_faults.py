"""A wrapped client of each vendor, in front of a memory with each fault."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator

import pytest

from memoire import Memoire, MemoireAsync
from tests.conftest import KEY
from tests.faults import FAULTS, SLACK, TIMEOUT, faulty, open_files, threads
from tests.service import Service

from .callers import Async, Sync
from .loopback import Vendor
from .surfaces import SURFACES, Surface

QUESTION, ANSWER = "I moved to Austin.", "Nice to meet you."


class Wrapped:
    """A surface with a memory of its own kind, closed at the end."""

    def __init__(self, kind: type[Sync], surface: Surface, vendor: Vendor, url: str) -> None:
        self.memory = (MemoireAsync if kind is Async else Memoire)(KEY, url, TIMEOUT)
        self.caller = kind(surface, vendor, self.memory)
        self.surface = surface

    def says(self, way: str) -> str:
        said = getattr(self.caller, way)(self.surface.turns(QUESTION))
        return "".join(map(self.surface.text, said if way == "read" else [said]))

    def close(self) -> None:
        if isinstance(self.memory, Memoire):
            self.memory.close(0)
        else:
            asyncio.run(self.memory.close(0))


@pytest.fixture(params=SURFACES, ids=lambda surface: surface.name)
def surface(request: pytest.FixtureRequest) -> Surface:
    chosen: Surface = request.param
    return chosen


@pytest.fixture
def url(service: Service, fault: str) -> Iterator[str]:
    with faulty(fault, service) as address:
        yield address


@pytest.fixture(params=[Sync, Async])
def wrapped(request: pytest.FixtureRequest, surface: Surface, vendor: Vendor, url: str) -> Iterator[Wrapped]:
    made = Wrapped(request.param, surface, vendor, url)
    yield made
    made.close()


@pytest.mark.parametrize("way", ["ask", "read"])
@pytest.mark.parametrize("fault", FAULTS)
def test_the_vendor_answers_in_time_whatever_the_memory_does(
    wrapped: Wrapped, vendor: Vendor, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    began = time.monotonic()
    assert wrapped.says(way) == ANSWER
    assert time.monotonic() - began < TIMEOUT + SLACK
    assert wrapped.surface.system(vendor.requests[0]) == ""
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    recalls = [warning for warning in warnings if warning.startswith("recall")]
    assert len(recalls) == 1
    assert all(other.startswith("Turns are not") for other in warnings if other not in recalls)  # told by the queue
    assert len(warnings) <= 2


@pytest.mark.parametrize("kind", [Sync, Async])
def test_nothing_is_left_of_wrapped_calls(service: Service, vendor: Vendor, kind: type[Sync]) -> None:
    service.behaviour = "hangs"
    before, those_before = open_files(), threads()
    for surface in SURFACES:
        wrapped = Wrapped(kind, surface, vendor, service.url)
        assert wrapped.says("ask") == wrapped.says("read") == ANSWER
        wrapped.close()
    assert service.has_no_connections()
    assert open_files() <= before
    assert not [thread for thread in threads() if thread not in those_before]
