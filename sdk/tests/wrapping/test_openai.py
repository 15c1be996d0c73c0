"""OpenAI: helpers, tool calls, parts, roles of system messages."""

import asyncio

import openai
import pytest
from openai.lib.streaming.chat import ChatCompletionStream
from openai.types.chat import ParsedChatCompletion

from memoire.wrapping import wrap

from .loopback import completion, response

CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
TOOL_TURNS = [
    {"role": "user", "content": "How warm is it?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "31 degrees"},
]


@pytest.fixture
def bare(vendor):
    return openai.OpenAI(api_key="k", base_url=f"{vendor.url}/v1", max_retries=0)


@pytest.fixture
def client(bare, memory):
    return wrap(bare, memory)


@pytest.fixture
def async_client(vendor, memory):
    return wrap(openai.AsyncOpenAI(api_key="k", base_url=f"{vendor.url}/v1", max_retries=0), memory)


def _ask(client, messages, **more):
    return client.chat.completions.create(model="gpt", messages=messages, **more)


def test_the_stream_helper_remembers(client, vendor, memory):
    with client.chat.completions.stream(model="gpt", messages=[{"role": "user", "content": "Hi"}]) as stream:
        assert isinstance(stream, ChatCompletionStream)
        assert stream.get_final_completion().choices[0].message.content == "Nice to meet you."
    assert "lives in Austin" in vendor.requests[0]["messages"][0]["content"]
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice to meet you.")]


def test_the_stream_helper_left_early_remembers_what_arrived(client, memory):
    with client.chat.completions.stream(model="gpt", messages=[{"role": "user", "content": "Hi"}]) as stream:
        next(event for event in stream if event.type == "content.delta" and event.delta == " to meet")
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice to meet")]


@pytest.mark.parametrize("path", ["chat", "responses"])
def test_the_asynchronous_stream_helper_remembers(async_client, vendor, memory, path):
    async def read():
        if path == "chat":
            manager = async_client.chat.completions.stream(model="gpt", messages=[{"role": "user", "content": "Hi"}])
        else:
            manager = async_client.responses.stream(model="gpt", input="Hi")
        async with manager as stream:
            async for _ in stream:
                pass

    asyncio.run(read())
    assert "lives in Austin" in str(vendor.requests[0])
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice to meet you.")]


def test_the_stream_helper_of_responses_remembers(client, memory):
    with client.responses.stream(model="gpt", input="Hi") as stream:
        assert stream.get_final_response().output_text == "Nice to meet you."
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice to meet you.")]


def test_a_stream_as_context_manager_left_early_remembers_what_arrived(client, memory):
    with _ask(client, [{"role": "user", "content": "Hi"}], stream=True) as stream:
        next(stream)
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice")]


def test_a_parsed_completion_is_remembered(client, memory):
    answer = client.chat.completions.parse(model="gpt", messages=[{"role": "user", "content": "Hi"}])
    assert isinstance(answer, ParsedChatCompletion)
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice to meet you.")]


def test_an_answer_of_tool_calls_alone_is_no_turn(client, vendor, memory):
    vendor.answers.append(completion({"content": None, "tool_calls": [CALL]}))
    answer = _ask(client, TOOL_TURNS[:1])
    assert answer.choices[0].message.tool_calls[0].function.name == "weather"
    assert memory.turns == [("user", "How warm is it?")]


def test_a_tools_result_does_not_repeat_the_users_turn(client, vendor, memory):
    _ask(client, TOOL_TURNS)
    assert "lives in Austin" in vendor.requests[0]["messages"][0]["content"]
    assert memory.queries == [("How warm is it?", None)]
    assert memory.turns == [("assistant", "Nice to meet you.")]


def test_messages_may_be_the_vendors_own_objects(client, vendor, memory):
    vendor.answers.append(completion({"content": None, "tool_calls": [CALL]}))
    asked = _ask(client, TOOL_TURNS[:1]).choices[0].message
    _ask(client, [TOOL_TURNS[0], asked, TOOL_TURNS[2]])
    assert memory.turns == [("user", "How warm is it?"), ("assistant", "Nice to meet you.")]


def test_a_tools_result_in_responses_does_not_repeat_the_users_turn(client, memory):
    call = {"type": "function_call", "call_id": "1", "name": "weather", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "1", "output": "31 degrees"}
    client.responses.create(model="gpt", input=[{"role": "user", "content": "How warm is it?"}, call, result])
    assert memory.turns == [("assistant", "Nice to meet you.")]


def test_a_response_of_tool_calls_alone_is_no_turn(client, vendor, memory):
    call = {"type": "function_call", "id": "f", "call_id": "1", "name": "weather", "arguments": "{}"}
    vendor.answers.append(response([call]))
    client.responses.create(model="gpt", input="How warm is it?")
    assert memory.turns == [("user", "How warm is it?")]


def test_instructions_of_a_response_come_before_what_is_recalled(client, vendor):
    client.responses.create(model="gpt", input="Hi", instructions="Be brief.")
    assert vendor.requests[0]["instructions"].startswith("Be brief.\n\n")
    assert "- lives in Austin" in vendor.requests[0]["instructions"]


def test_text_parts_are_joined_and_images_skipped(client, memory):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    _ask(
        client, [{"role": "user", "content": [{"type": "text", "text": "Look"}, image, {"type": "text", "text": "!"}]}]
    )
    assert memory.turns[0] == ("user", "Look\n!")


def test_a_turn_without_words_is_not_remembered(client, memory):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    _ask(client, [{"role": "user", "content": "Hi"}, {"role": "user", "content": [image]}])
    _ask(client, [{"role": "user", "content": None}])
    assert [role for role, _ in memory.turns] == ["assistant", "assistant"]


@pytest.mark.parametrize("role", ["system", "developer"])
def test_memory_follows_the_callers_system_message_in_its_role(client, vendor, role):
    _ask(client, [{"role": role, "content": "Be brief."}, {"role": "user", "content": "Hi"}])
    sent = vendor.requests[0]["messages"]
    assert [message["role"] for message in sent] == [role, role, "user"]
    assert sent[0]["content"] == "Be brief."


def test_messages_that_can_be_read_once_reach_the_vendor(client, vendor, memory):
    _ask(client, iter([{"role": "user", "content": "Hi"}]))
    assert vendor.requests[0]["messages"][-1] == {"role": "user", "content": "Hi"}
    assert memory.turns[0] == ("user", "Hi")


def test_messages_of_an_odd_shape_are_the_vendors_to_judge(client, vendor, memory, caplog):
    _ask(client, 7)
    assert vendor.requests[0]["messages"] == 7
    assert memory.turns == [("assistant", "Nice to meet you.")]
    assert len(caplog.records) == 1


def test_an_empty_user_is_no_user(client, memory):
    _ask(client, [{"role": "user", "content": "Hi"}], user=openai.omit)
    assert memory.users == [None, None]
