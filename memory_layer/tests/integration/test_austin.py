"""Somebody says where she lives, and a later session knows: every way into every vendor's SDK, against the service."""

from typing import Any

import pytest
from memoire import Memoire, MemoireAsync
from tests.wrapping.callers import Async, Sync
from tests.wrapping.surfaces import SURFACES

from memory_layer.tests.integration.conftest import USER, got

SAID, KNOWN = "I live in Austin.", "- Lives in Austin."
PLAIN, ROUNDABOUT = "Where do I live?", "Recommend a restaurant near home."
KINDS = [(Sync, Memoire), (Async, MemoireAsync)]


def whole(caller: Sync, text: str, **more: Any) -> None:
    caller.ask(caller.surface.turns(text), **more)


def streamed(caller: Sync, text: str, **more: Any) -> None:
    caller.read(caller.surface.turns(text), **more)


def closed_early(caller: Sync, text: str, **more: Any) -> None:
    caller.read(caller.surface.turns(text), enough=lambda piece: "to meet" in piece, **more)


@pytest.fixture(params=SURFACES, ids=lambda surface: surface.name)
def surface(request):
    return request.param


@pytest.fixture(params=KINDS, ids=["sync", "async"])
def caller(request, surface, vendor, service):
    kind, memory = request.param
    caller = kind(surface, vendor, memory(service.key, service.url, timeout=30))
    yield caller
    got(caller.memory.close())


@pytest.mark.parametrize(
    ("way", "question", "heard"),
    [
        (whole, PLAIN, "Nice to meet you."),
        (streamed, ROUNDABOUT, "Nice to meet you."),
        (closed_early, PLAIN, "Nice to meet"),
    ],
    ids=["whole", "streamed", "closed early"],
)
def test_a_later_session_knows_and_both_turns_of_each_are_stored(caller, service, vendor, way, question, heard):
    way(caller, SAID, user=USER, memoire_session_id="monday")
    service.until_read()
    way(caller, question, user=USER, memoire_session_id="tuesday")
    assert [KNOWN in caller.surface.system(sent) for sent in vendor.requests] == [False, True]
    assert service.until_both_turns_of("monday") == [("user", SAID), ("assistant", heard)]
    assert service.until_both_turns_of("tuesday") == [("user", question), ("assistant", heard)]
