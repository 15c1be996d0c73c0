"""Anthropic: the stream helper, system prompts, tool use."""

import asyncio

import anthropic
import pytest
from anthropic.lib.streaming import MessageStream

from memoire.wrapping import wrap

from .loopback import message

HI = [{"role": "user", "content": "Hi"}]
USE = {"type": "tool_use", "id": "t1", "name": "weather", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "31 degrees"}


@pytest.fixture
def client(vendor, memory):
    return wrap(anthropic.Anthropic(api_key="k", base_url=vendor.url, max_retries=0), memory)


@pytest.fixture
def async_client(vendor, memory):
    return wrap(anthropic.AsyncAnthropic(api_key="k", base_url=vendor.url, max_retries=0), memory)


def _ask(client, messages, **more):
    return client.messages.create(model="claude", max_tokens=9, messages=messages, **more)


def test_the_stream_helper_gives_its_text_and_remembers(client, vendor, memory):
    with client.messages.stream(model="claude", max_tokens=9, messages=HI) as stream:
        assert isinstance(stream, MessageStream)
        assert list(stream.text_stream) == ["Nice", " to meet", " you."]
        assert stream.get_final_text() == "Nice to meet you."
    assert "lives in Austin" in vendor.requests[0]["system"]
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice to meet you.")]


def test_the_stream_helper_left_early_remembers_what_arrived(client, memory):
    with client.messages.stream(model="claude", max_tokens=9, messages=HI) as stream:
        next(stream.text_stream)
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice")]


def test_the_stream_helper_left_by_an_error_remembers_what_arrived(client, memory):
    def read():
        with client.messages.stream(model="claude", max_tokens=9, messages=HI) as stream:
            next(stream.text_stream)
            raise KeyError("the application's own")

    with pytest.raises(KeyError):
        read()
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice")]


def test_the_asynchronous_stream_helper_remembers(async_client, vendor, memory):
    async def read():
        async with async_client.messages.stream(model="claude", max_tokens=9, messages=HI) as stream:
            return await stream.get_final_text()

    assert asyncio.run(read()) == "Nice to meet you."
    assert "lives in Austin" in vendor.requests[0]["system"]
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice to meet you.")]


def test_the_asynchronous_stream_helper_left_early_remembers_what_arrived(async_client, memory):
    async def read():
        async with async_client.messages.stream(model="claude", max_tokens=9, messages=HI) as stream:
            await anext(stream.text_stream)

    asyncio.run(read())
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice")]


def test_a_stream_that_is_dropped_remembers_what_arrived(client, memory):
    for event in _ask(client, HI, stream=True):
        if event.type == "content_block_delta":
            break
    del event
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice")]


def test_a_refused_stream_helper_raises_and_remembers_the_users_turn(client, vendor, memory):
    vendor.refusals = 1
    manager = client.messages.stream(model="claude", max_tokens=9, messages=HI)
    with pytest.raises(anthropic.InternalServerError), manager:
        pass
    assert memory.turns == [("user", "Hi")]


def test_a_system_prompt_comes_before_what_is_recalled(client, vendor):
    _ask(client, HI, system="Be brief.")
    assert vendor.requests[0]["system"].startswith("Be brief.\n\n")


def test_a_list_of_system_prompts_gets_one_more(client, vendor):
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    _ask(client, HI, system=system)
    first, second = vendor.requests[0]["system"]
    assert [first] == system
    assert second["type"] == "text"
    assert "- lives in Austin" in second["text"]


def test_an_answer_of_tool_use_alone_is_no_turn(client, vendor, memory):
    vendor.answers.append(message([USE], stop_reason="tool_use"))
    _ask(client, HI)
    assert memory.turns == [("user", "Hi")]


def test_a_tools_result_does_not_repeat_the_users_turn(client, memory):
    _ask(client, [*HI, {"role": "assistant", "content": [USE]}, {"role": "user", "content": [RESULT]}])
    assert memory.queries == [("Hi", None)]
    assert memory.turns == [("assistant", "Nice to meet you.")]


def test_words_beside_a_tools_result_are_a_turn(client, memory):
    words = {"role": "user", "content": [RESULT, {"type": "text", "text": "And tomorrow?"}]}
    _ask(client, [*HI, {"role": "assistant", "content": [USE]}, words])
    assert memory.turns[0] == ("user", "And tomorrow?")


def test_the_beginning_of_an_answer_does_not_hide_the_users_turn(client, memory):
    _ask(client, [*HI, {"role": "assistant", "content": "Nice"}])
    assert memory.turns[0] == ("user", "Hi")


def test_blocks_of_text_are_joined(client, vendor, memory):
    vendor.answers.append(message([{"type": "text", "text": "One. "}, {"type": "text", "text": "Two."}]))
    _ask(client, [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}])
    assert memory.turns == [("user", "a\nb"), ("assistant", "One. Two.")]


def test_beta_messages_remember(client, memory):
    client.beta.messages.create(model="claude", max_tokens=9, messages=HI)
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice to meet you.")]
