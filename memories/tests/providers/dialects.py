"""What the vendors of language models say and hear, each in its own words, for the server on loopback."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from memories.tests.providers.conftest import Request

TOKENS_IN, TOKENS_OUT = 100, 20


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """`text` and `refusal` are bodies of answers; the others find in a request what was sent."""

    name: str
    model: str
    path: str
    base: str
    key_header: str
    text: Callable[[str], dict[str, Any]]
    refusal: Callable[[], dict[str, Any]]
    error: Callable[[int, str], dict[str, Any]]
    instructions: Callable[[Request], str]
    schema: Callable[[Request], dict[str, Any]]

    def says(self, answer: object) -> dict[str, Any]:
        """The body of an answer: JSON, or what is dumped as such."""
        return self.text(json.dumps(answer, default=lambda model: model.model_dump()))


def _completion(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "gpt-6-luna",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant"} | message}],
        "usage": {
            "prompt_tokens": TOKENS_IN,
            "completion_tokens": TOKENS_OUT,
            "total_tokens": TOKENS_IN + TOKENS_OUT,
        },
    }


def _routed(message: dict[str, Any]) -> dict[str, Any]:
    completion = _completion(message) | {"provider": "OpenAI", "model": "openai/gpt-6-luna"}
    completion["choices"][0]["native_finish_reason"] = "stop"
    return completion


def _message(content: list[dict[str, Any]], *, stop_reason: str) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": TOKENS_IN, "output_tokens": TOKENS_OUT},
    }


def _generated(**answer: Any) -> dict[str, Any]:
    counts = {"promptTokenCount": TOKENS_IN, "candidatesTokenCount": TOKENS_OUT}
    return answer | {"usageMetadata": counts, "modelVersion": "gemini-3.5-flash-lite", "responseId": "r1"}


def _candidate(text: str) -> dict[str, Any]:
    return {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}


def _system(request: Request) -> str:
    return str(next(message["content"] for message in request.json["messages"] if message["role"] == "system"))


def _response_format(request: Request) -> dict[str, Any]:
    schema: dict[str, Any] = request.json["response_format"]["json_schema"]["schema"]
    return schema


OPENAI = Dialect(
    name="openai",
    model="gpt-6-luna",
    path="/v1/chat/completions",
    base="/v1",
    key_header="authorization",
    text=lambda text: _completion({"content": text}),
    refusal=lambda: _completion({"content": None, "refusal": "I can't help with secret-text."}),
    error=lambda status, words: {"error": {"message": words, "type": "error", "code": None, "param": None}},
    instructions=_system,
    schema=_response_format,
)
OPENROUTER = Dialect(
    name="openrouter",
    model="openai/gpt-6-luna",
    path="/v1/chat/completions",
    base="/v1",
    key_header="authorization",
    text=lambda text: _routed({"content": text}),
    refusal=lambda: _routed({"content": None, "refusal": "I can't help with secret-text."}),
    error=lambda status, words: {"error": {"message": words, "code": status}},
    instructions=_system,
    schema=_response_format,
)
ANTHROPIC = Dialect(
    name="anthropic",
    model="claude-haiku-5-5",
    path="/v1/messages",
    base="",
    key_header="authorization",
    text=lambda text: _message([{"type": "text", "text": text}], stop_reason="end_turn"),
    refusal=lambda: _message([{"type": "text", "text": "I won't repeat secret-text"}], stop_reason="refusal"),
    error=lambda status, words: {"type": "error", "error": {"type": "error", "message": words}},
    instructions=lambda request: json.dumps(request.json["system"], ensure_ascii=False),
    schema=lambda request: request.json["output_config"]["format"]["schema"],
)
GEMINI = Dialect(
    name="gemini",
    model="gemini-3.5-flash-lite",
    path="/v1/models/gemini-3.5-flash-lite:generateContent",
    base="",
    key_header="x-goog-api-key",
    text=lambda text: _generated(candidates=[_candidate(text)]),
    refusal=lambda: _generated(promptFeedback={"blockReason": "SAFETY", "blockReasonMessage": "secret-text"}),
    error=lambda status, words: {"error": {"code": status, "message": words, "status": "ERROR"}},
    instructions=lambda request: json.dumps(request.json["systemInstruction"], ensure_ascii=False),
    schema=lambda request: request.json["generationConfig"]["responseJsonSchema"],
)
DIALECTS = [OPENAI, ANTHROPIC, GEMINI, OPENROUTER]
