"""A wrapped client is its vendor's client in every other way."""

import asyncio
import copy
import gc
import inspect
import uuid
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from openai.resources.chat import Completions

from memoire.errors import MemoireConfigError
from memoire.wrapping import wrap

from .conftest import MemoryAsync
from .surfaces import CHAT, google

HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def bare(vendor):
    return openai.OpenAI(api_key="k", base_url=f"{vendor.url}/v1", max_retries=0)


@pytest.fixture
def client(bare, memory):
    return wrap(bare, memory)


def _ask(client, **more):
    return client.chat.completions.create(model="gpt", messages=HI, **more)


def test_it_is_an_instance_of_the_vendors_class(client):
    assert isinstance(client, openai.OpenAI)
    assert isinstance(client.chat.completions, Completions)


def test_attributes_are_read_and_written_through(client, bare):
    assert (client.api_key, client.base_url, repr(client)) == (bare.api_key, bare.base_url, repr(bare))
    client.max_retries = 5
    assert bare.max_retries == 5
    assert "responses" in dir(client)


def test_a_missing_attribute_is_the_vendors_error(client):
    with pytest.raises(AttributeError, match="OpenAI"):
        _ = client.nothing


def test_a_method_keeps_its_name_and_documentation(client, bare):
    assert client.chat.completions.create.__doc__ == bare.chat.completions.create.__doc__
    assert inspect.signature(client.responses.create) == inspect.signature(bare.responses.create)


def test_a_wrong_argument_is_the_vendors_error(client):
    with pytest.raises(TypeError, match="nonsense"):
        _ask(client, nonsense=1)
    with pytest.raises(TypeError, match="given"):
        client.chat.completions.create(HI)


@pytest.mark.parametrize("name", ["with_options", "copy"])
def test_a_client_with_other_options_remembers_in_the_same_session(client, memory, name):
    other = getattr(client, name)(timeout=7)
    assert other.timeout == 7
    _ask(client)
    _ask(other)
    assert len(memory.turns) == 4
    assert len(set(memory.sessions)) == 1


def test_retries_happen_inside_one_remembered_call(client, vendor, memory):
    vendor.refusals = 1
    _ask(client.with_options(max_retries=1))
    assert len(vendor.requests) == 2
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice to meet you.")]


def test_raw_responses_pass_without_memory(client, memory):
    raw = client.chat.completions.with_raw_response.create(model="gpt", messages=HI)
    assert raw.parse().choices[0].message.content == "Nice to meet you."
    assert memory.turns == []


def test_a_client_is_entered_and_left_as_before(bare, client, memory):
    with client as entered:
        _ask(entered)
    assert bare.is_closed()
    assert len(memory.turns) == 2


def test_an_asynchronous_client_is_entered_and_left_as_before(vendor, memory):
    bare = CHAT.async_client(vendor.url)

    async def asked():
        async with wrap(bare, memory) as entered:
            await _ask(entered)

    asyncio.run(asked())
    assert bare.is_closed()
    assert len(memory.turns) == 2


def test_it_can_be_copied(client, memory):
    _ask(copy.copy(client))
    assert len(memory.turns) == 2


def test_each_wrapper_has_a_session_of_its_own(bare, memory):
    _ask(wrap(bare, memory))
    _ask(wrap(bare, memory))
    assert len(set(memory.sessions)) == 2


def test_two_users_of_one_wrapper_share_no_session(client, memory):
    _ask(client, user="ada")
    _ask(client, user="bob")
    _ask(client, user="ada")
    assert memory.users == ["ada", "ada", "bob", "bob", "ada", "ada"]
    assert len(set(memory.sessions)) == 2


def test_a_wrappers_user_and_session_are_those_of_its_calls(bare, vendor, memory):
    _ask(wrap(bare, memory, user="ada", session_id="s1"))
    assert memory.queries == [("Hi", "ada")]
    assert set(memory.users) == {"ada"}
    assert set(memory.sessions) == {"s1"}
    assert "user" not in vendor.requests[0]


def test_a_user_may_be_a_uuid(vendor, memory):
    user = uuid.uuid4()
    client: Any = wrap(anthropic.Anthropic(api_key="k", base_url=vendor.url), memory, user="ada")
    client.messages.create(model="claude", max_tokens=9, messages=HI, user=user)
    assert memory.users == [str(user)] * 2


def test_calls_at_the_same_time_keep_the_order_of_their_sessions(vendor, memory):
    async def asked():
        async with wrap(CHAT.async_client(vendor.url), memory) as client:
            await asyncio.gather(*(_ask(client, memoire_session_id=f"s{number}") for number in range(50)))

    asyncio.run(asked())
    for number in range(50):
        turns = [turn for turn, session in zip(memory.turns, memory.sessions, strict=True) if session == f"s{number}"]
        assert turns == [("user", "Hi"), ("assistant", "Nice to meet you.")]


def test_a_cancelled_call_is_cancelled_and_remembers_the_users_turn(vendor, memory):
    vendor.may_answer.clear()

    async def asked():
        async with wrap(CHAT.async_client(vendor.url), memory) as client:
            call = asyncio.create_task(_ask(client))
            await asyncio.to_thread(vendor.was_asked.wait)
            call.cancel()
            await call

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(asked())
    vendor.may_answer.set()
    assert memory.turns == [("user", "Hi")]


def test_a_dropped_stream_remembers_what_arrived(client, memory):
    stream = _ask(client, stream=True)
    next(stream)
    del stream
    gc.collect()
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice")]


def test_a_stream_closed_twice_is_remembered_once(client, memory):
    stream = _ask(client, stream=True)
    list(stream)
    stream.close()
    stream.close()
    assert len(memory.turns) == 2


def test_a_close_that_outlives_its_stream_does_no_harm(client, memory):
    stream = _ask(client, stream=True)
    next(stream)
    close = stream.close
    del stream
    gc.collect()
    close()
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice")]


def test_an_unknown_client_is_a_mistake(memory):
    with pytest.raises(MemoireConfigError, match="openai, anthropic or google-genai"):
        wrap(object(), memory)


def test_a_client_is_not_wrapped_twice(client, memory):
    with pytest.raises(MemoireConfigError):
        wrap(client, memory)


def test_a_synchronous_client_with_an_asynchronous_memory_is_a_mistake(bare, vendor):
    for client in (bare, google(vendor.url)):
        with pytest.raises(MemoireConfigError, match="synchronous"):
            wrap(client, MemoryAsync())


@pytest.mark.parametrize(
    "client",
    [
        lambda: openai.AzureOpenAI(api_key="k", api_version="1", azure_endpoint="http://127.0.0.1"),
        lambda: anthropic.AsyncAnthropic(api_key="k"),
        lambda: genai.Client(api_key="k").aio,
        lambda: type("Own", (openai.OpenAI,), {})(api_key="k"),
    ],
)
def test_kinds_and_subclasses_of_clients_are_known(client, memory):
    assert wrap(client(), memory) is not None
