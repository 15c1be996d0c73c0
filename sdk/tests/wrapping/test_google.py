"""Google: forms of config and contents, chats."""

import asyncio
import copy

import pytest
from google.genai.chats import Chat
from google.genai.types import Content, GenerateContentConfig, Part

from memoire.wrapping import wrap

from .loopback import generated
from .surfaces import google

FORMS = [
    "Be brief.",
    Part(text="Be brief."),
    {"text": "Be brief."},
    ["Be brief."],
    [Part(text="Be brief.")],
    Content(parts=[Part(text="Be brief.")]),
    {"parts": [{"text": "Be brief."}]},
]
CALL = {"functionCall": {"name": "weather", "args": {}}}


@pytest.fixture
def client(vendor, memory):
    return wrap(google(vendor.url), memory)


def _ask(client, contents, **more):
    return client.models.generate_content(model="gemini", contents=contents, **more)


def _instruction(sent):
    return "\n".join(part["text"] for part in sent["systemInstruction"]["parts"])


@pytest.mark.parametrize("system", FORMS, ids=repr)
@pytest.mark.parametrize(
    "config",
    [
        lambda system: {"system_instruction": system, "temperature": 0.5},
        lambda system: {"systemInstruction": system, "temperature": 0.5},
        lambda system: GenerateContentConfig(system_instruction=system, temperature=0.5),
    ],
    ids=["dict", "camel", "object"],
)
def test_every_form_of_system_instruction_is_kept_and_extended(client, vendor, config, system):
    given = config(system)
    before = copy.deepcopy(given)
    _ask(client, "Hi", config=given)
    sent = _instruction(vendor.requests[0])
    assert sent.startswith("Be brief.")
    assert sent.endswith("- lives in Austin\n</recalled-memory>")
    assert vendor.requests[0]["generationConfig"]["temperature"] == 0.5
    assert given == before


@pytest.mark.parametrize(
    ("contents", "turn"),
    [
        ("Hi", "Hi"),
        (["Look", Part.from_bytes(data=b"1", mime_type="image/png"), "here"], "Look\nhere"),
        (Part(text="Hi"), "Hi"),
        (Content(role="user", parts=[Part(text="Hi"), Part(text="you")]), "Hi\nyou"),
        ([Content(role="user", parts=[Part(text="a")]), Content(role="model", parts=[Part(text="b")]), "c"], "c"),
        ({"parts": [{"text": "Hi"}]}, "Hi"),
    ],
)
def test_every_form_of_contents_is_read(client, memory, contents, turn):
    _ask(client, contents)
    assert memory.turns == [("user", turn), ("assistant", "Nice to meet you.")]


def test_a_functions_result_does_not_repeat_the_users_turn(client, memory):
    result = Part.from_function_response(name="weather", response={"degrees": 31})
    call = Part.from_function_call(name="weather", args={})
    contents = [Content(role="user", parts=[Part(text="How warm is it?")]), Content(role="model", parts=[call])]
    _ask(client, [*contents, Content(role="user", parts=[result])])
    assert memory.queries == [("How warm is it?", None)]
    assert memory.turns == [("assistant", "Nice to meet you.")]


def test_an_answer_of_a_function_call_alone_is_no_turn(client, vendor, memory):
    vendor.answers.append(generated([CALL], finishReason="STOP"))
    assert _ask(client, "How warm is it?").function_calls[0].name == "weather"
    assert memory.turns == [("user", "How warm is it?")]


def test_a_models_thoughts_are_not_remembered(client, vendor, memory):
    vendor.answers.append(generated([{"text": "Hm.", "thought": True}, {"text": "Yes."}], finishReason="STOP"))
    _ask(client, "Hi")
    assert memory.turns[1] == ("assistant", "Yes.")


def test_a_blocked_answer_is_no_turn(client, vendor, memory):
    vendor.answers.append({"promptFeedback": {"blockReason": "SAFETY"}})
    _ask(client, "Hi")
    assert memory.turns == [("user", "Hi")]


def test_a_chat_keeps_its_config_and_its_history_free_of_memory(client, vendor, memory):
    chat = client.chats.create(model="gemini", config={"system_instruction": "Be brief."})
    chat.send_message("Hi")
    chat.send_message("And you?", {"temperature": 0.5})
    assert isinstance(chat, Chat)
    assert _instruction(vendor.requests[0]).startswith("Be brief.")
    assert not _instruction(vendor.requests[1]).startswith("Be brief.")  # a message's config replaces the chat's
    assert [part.text for content in chat.get_history() for part in content.parts or ()] == [
        "Hi",
        "Nice to meet you.",
        "And you?",
        "Nice to meet you.",
    ]
    assert [text for role, text in memory.turns if role == "user"] == ["Hi", "And you?"]


def test_a_streaming_chat_keeps_its_history(client, memory):
    chat = client.chats.create(model="gemini")
    list(chat.send_message_stream("Hi"))
    assert [content.role for content in chat.get_history()][:2] == ["user", "model"]
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice to meet you.")]


def test_an_asynchronous_chat_remembers_through_the_whole_client(client, vendor, memory):
    async def asked():
        async with client.aio as entered:
            await entered.chats.create(model="gemini", config={"system_instruction": "Be brief."}).send_message("Hi")

    asyncio.run(asked())
    assert _instruction(vendor.requests[0]).startswith("Be brief.")
    assert memory.turns == [("user", "Hi"), ("assistant", "Nice to meet you.")]
