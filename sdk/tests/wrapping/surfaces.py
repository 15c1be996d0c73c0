"""The ways into each vendor's SDK that remember, in one shape, so that one test speaks of all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
from anthropic.types import Message, RawContentBlockDeltaEvent, TextDelta
from google import genai
from google.genai import types
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseTextDeltaEvent

Ask = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Surface:
    """`ask` and `stream` are called with a client and turns; `system` finds in a request what was injected."""

    name: str
    client: Callable[[str], Any]
    async_client: Callable[[str], Any]
    turns: Callable[[str], Any]
    ask: Ask
    stream: Ask
    system: Callable[[Any], str]
    text: Callable[[Any], str]
    answer_type: type
    event_type: type


def _openai(kind: Any) -> Callable[[str], Any]:
    return lambda url: kind(api_key="k", base_url=f"{url}/v1", max_retries=0)


def _anthropic(kind: Any) -> Callable[[str], Any]:
    return lambda url: kind(api_key="k", base_url=url, max_retries=0)


def google(url: str) -> genai.Client:
    return genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))


def _messages(text: str) -> Any:
    return [{"role": "user", "content": text}]


def _system_message(sent: Any) -> str:
    return "".join(str(message["content"]) for message in sent["messages"] if message["role"] == "system")


def _chat_text(answer: Any) -> str:
    choices = answer.choices
    if not choices:
        return ""
    return (choices[0].delta if isinstance(answer, ChatCompletionChunk) else choices[0].message).content or ""


def _message_text(answer: Any) -> str:
    if isinstance(answer, Message):
        return "".join(part.text for part in answer.content if part.type == "text")
    is_text = isinstance(answer, RawContentBlockDeltaEvent) and isinstance(answer.delta, TextDelta)
    return answer.delta.text if is_text else ""


def _response_text(answer: Any) -> str:
    if isinstance(answer, Response):
        return answer.output_text
    return answer.delta if isinstance(answer, ResponseTextDeltaEvent) else ""


CHAT = Surface(
    name="openai-chat",
    client=_openai(openai.OpenAI),
    async_client=_openai(openai.AsyncOpenAI),
    turns=_messages,
    ask=lambda client, turns, **more: client.chat.completions.create(model="gpt", messages=turns, **more),
    stream=lambda client, turns, **more: client.chat.completions.create(
        model="gpt", messages=turns, stream=True, **more
    ),
    system=_system_message,
    text=_chat_text,
    answer_type=ChatCompletion,
    event_type=ChatCompletionChunk,
)
RESPONSES = Surface(
    name="openai-responses",
    client=_openai(openai.OpenAI),
    async_client=_openai(openai.AsyncOpenAI),
    turns=_messages,
    ask=lambda client, turns, **more: client.responses.create(model="gpt", input=turns, **more),
    stream=lambda client, turns, **more: client.responses.create(model="gpt", input=turns, stream=True, **more),
    system=lambda sent: sent.get("instructions", ""),
    text=_response_text,
    answer_type=Response,
    event_type=ResponseTextDeltaEvent,
)
MESSAGES = Surface(
    name="anthropic",
    client=_anthropic(anthropic.Anthropic),
    async_client=_anthropic(anthropic.AsyncAnthropic),
    turns=_messages,
    ask=lambda client, turns, **more: client.messages.create(model="claude", max_tokens=9, messages=turns, **more),
    stream=lambda client, turns, **more: client.messages.create(
        model="claude", max_tokens=9, messages=turns, stream=True, **more
    ),
    system=lambda sent: sent.get("system", ""),
    text=_message_text,
    answer_type=Message,
    event_type=RawContentBlockDeltaEvent,
)


def _instruction(sent: Any) -> str:
    return "".join(part["text"] for part in sent.get("systemInstruction", {}).get("parts", ()))


GENERATE = Surface(
    name="google-models",
    client=google,
    async_client=lambda url: google(url).aio,
    turns=lambda text: [{"role": "user", "parts": [{"text": text}]}],
    ask=lambda client, turns, **more: client.models.generate_content(model="gemini", contents=turns, **more),
    stream=lambda client, turns, **more: client.models.generate_content_stream(model="gemini", contents=turns, **more),
    system=_instruction,
    text=lambda answer: answer.text or "",
    answer_type=types.GenerateContentResponse,
    event_type=types.GenerateContentResponse,
)
CHATS = Surface(
    name="google-chats",
    client=google,
    async_client=lambda url: google(url).aio,
    turns=lambda text: [text],
    ask=lambda client, turns, **more: client.chats.create(model="gemini").send_message(turns, **more),
    stream=lambda client, turns, **more: client.chats.create(model="gemini").send_message_stream(turns, **more),
    system=_instruction,
    text=lambda answer: answer.text or "",
    answer_type=types.GenerateContentResponse,
    event_type=types.GenerateContentResponse,
)
SURFACES = [CHAT, RESPONSES, MESSAGES, GENERATE, CHATS]
