"""What holds for each vendor, called plainly and streaming, in both kinds of Python."""

import asyncio
import copy
import inspect

import pytest

from memoire.wrapping import wrap

from .callers import Async, Sync
from .conftest import Memory, MemoryAsync
from .loopback import Vendor
from .surfaces import SURFACES, Surface

QUESTION, ANSWER = "I moved to Austin.", "Nice to meet you."
BLOCK = "not instructions.\n<recalled-memory>\n- lives in Austin\n</recalled-memory>"


@pytest.fixture(params=SURFACES, ids=lambda surface: surface.name)
def surface(request: pytest.FixtureRequest) -> Surface:
    chosen: Surface = request.param
    return chosen


@pytest.fixture(params=[Sync, Async])
def caller(request: pytest.FixtureRequest, surface: Surface, vendor: Vendor, memory: Memory) -> Sync:
    kind: type[Sync] = request.param
    return kind(surface, vendor, memory)


def test_the_vendor_receives_what_is_recalled(caller, vendor, memory):
    caller.ask(caller.surface.turns(QUESTION))
    assert BLOCK in caller.surface.system(vendor.requests[0])
    assert memory.queries == [(QUESTION, None)]


def test_both_turns_are_ingested_in_order(caller, memory):
    answer = caller.ask(caller.surface.turns(QUESTION))
    assert memory.turns == [("user", QUESTION), ("assistant", ANSWER)]
    assert len(set(memory.sessions)) == 1
    assert isinstance(answer, caller.surface.answer_type)
    assert caller.surface.text(answer) == ANSWER


def test_the_callers_messages_stay_as_they_were(caller):
    turns = caller.surface.turns(QUESTION)
    before = copy.deepcopy(turns)
    caller.ask(turns)
    caller.read(turns)
    assert turns == before


def test_nothing_is_injected_when_nothing_is_recalled(caller, vendor, memory):
    memory.facts = []
    caller.ask(caller.surface.turns(QUESTION))
    assert caller.surface.system(vendor.requests[0]) == ""


def test_a_stream_receives_what_is_recalled_and_remembers_both_turns(caller, vendor, memory):
    events = caller.read(caller.surface.turns(QUESTION))
    assert BLOCK in caller.surface.system(vendor.requests[0])
    assert memory.turns == [("user", QUESTION), ("assistant", ANSWER)]
    assert any(isinstance(event, caller.surface.event_type) for event in events)
    assert "".join(map(caller.surface.text, events)) == ANSWER


def test_a_stream_closed_early_remembers_what_arrived(caller, memory):
    caller.read(caller.surface.turns(QUESTION), enough=lambda text: "to meet" in text)
    assert memory.turns == [("user", QUESTION), ("assistant", "Nice to meet")]


def test_a_stream_that_breaks_raises_and_remembers_what_arrived(caller, vendor, memory):
    vendor.breaks_after = 2
    with pytest.raises(Exception, match=r"(?i)connection|payload|peer") as raised:
        caller.read(caller.surface.turns(QUESTION))
    assert "memoire" not in type(raised.value).__module__
    assert memory.turns == [("user", QUESTION), ("assistant", "Nice to meet")]


def test_a_call_that_is_refused_raises_the_vendors_error_and_remembers_the_users_turn(caller, vendor, memory):
    vendor.refusals = 9
    with pytest.raises(Exception, match="overloaded") as raised:
        caller.ask(caller.surface.turns(QUESTION))
    assert type(raised.value).__module__.startswith(("openai", "anthropic", "google"))
    assert memory.turns == [("user", QUESTION)]


@pytest.mark.parametrize("way", ["ask", "read"])
def test_a_memory_that_fails_is_one_warning_and_the_call_goes_on(caller, vendor, memory, caplog, way):
    memory.failure = RuntimeError("down")
    assert getattr(caller, way)(caller.surface.turns(QUESTION))
    assert caller.surface.system(vendor.requests[0]) == ""
    assert [record.name for record in caplog.records if record.levelname == "WARNING"] == ["memoire"]


@pytest.mark.parametrize("facts", [None, 7, ["no fact"], [object()]])
def test_a_memory_that_answers_nonsense_does_not_stop_the_call(caller, memory, facts):
    memory.facts = [facts] if not isinstance(facts, list) else facts
    caller.ask(caller.surface.turns(QUESTION))
    assert memory.turns == [("user", QUESTION), ("assistant", ANSWER)]


def test_a_skipped_call_neither_recalls_nor_ingests(caller, vendor, memory):
    caller.ask(caller.surface.turns(QUESTION), memoire_skip=True, memoire_session_id="s")
    caller.read(caller.surface.turns(QUESTION), memoire_skip=True)
    assert memory.queries == memory.turns == []
    assert not [name for sent in vendor.requests for name in sent if "memoire" in name]


def test_user_and_session_of_a_call_are_the_memorys(caller, vendor, memory):
    caller.ask(caller.surface.turns(QUESTION), user="ada", memoire_session_id="chat-7")
    assert memory.queries == [(QUESTION, "ada")]
    assert memory.users == ["ada", "ada"]
    assert memory.sessions == ["chat-7", "chat-7"]
    assert not [name for name in vendor.requests[0] if "memoire" in name]


def test_only_a_vendor_that_knows_a_user_is_told(caller, vendor):
    caller.ask(caller.surface.turns(QUESTION), user="ada")
    assert vendor.requests[0].get("user") == ("ada" if caller.surface.name.startswith("openai") else None)


def test_an_asynchronous_memory_is_awaited(surface, vendor):
    memory = MemoryAsync()

    async def asked() -> None:
        await surface.ask(wrap(surface.async_client(vendor.url), memory), surface.turns(QUESTION))

    asyncio.run(asked())
    assert BLOCK in surface.system(vendor.requests[0])
    assert memory.turns == [("user", QUESTION), ("assistant", ANSWER)]


def test_an_asynchronous_stream_that_is_dropped_remembers_what_arrived(surface, vendor, memory):
    async def read() -> None:
        async for event in await surface.stream(
            wrap(surface.async_client(vendor.url), memory), surface.turns(QUESTION)
        ):
            if surface.text(event):
                break

    asyncio.run(read())
    assert memory.turns == [("user", QUESTION), ("assistant", "Nice")]


def test_an_asynchronous_stream_is_remembered_by_the_time_it_is_closed(surface, vendor, memory):
    async def read() -> list[tuple[str, str]]:
        stream = await surface.stream(wrap(surface.async_client(vendor.url), memory), surface.turns(QUESTION))
        while not surface.text(await anext(stream)):
            pass
        await (stream.aclose() if inspect.isasyncgen(stream) else stream.close())
        return list(memory.turns)

    assert asyncio.run(read()) == [("user", QUESTION), ("assistant", "Nice")]
