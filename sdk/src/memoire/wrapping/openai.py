"""OpenAI's chat completions and responses."""

from dataclasses import replace
from itertools import takewhile
from typing import Any

from memoire.wrapping.injection import appended
from memoire.wrapping.methods import Arguments, Method, Returns, Tree
from memoire.wrapping.turns import Message, field, text_of

_SYSTEM_ROLES = ("system", "developer")


def _chat_messages(arguments: Arguments) -> list[Message]:
    return [_message(item) for item in arguments.get("messages") or ()]


def _message(item: Any) -> Message:
    role = field(item, "role")
    if role == "user":
        return Message("user", text_of(field(item, "content")))
    is_result = role in ("tool", "function") or str(field(item, "type")).endswith("_output")
    return Message("tool" if is_result else "other", "")


def _inject_message(arguments: Arguments, block: str) -> Arguments:
    """After the caller's own system messages, in the same role: a model takes one of the two roles only."""
    messages = list(arguments["messages"])
    leading = list(takewhile(lambda item: field(item, "role") in _SYSTEM_ROLES, messages))
    role = field(leading[-1], "role") if leading else "system"
    return arguments | {"messages": [*leading, {"role": role, "content": block}, *messages[len(leading) :]]}


def _completion_text(completion: Any) -> str:
    return completion.choices[0].message.content or "" if completion.choices else ""


def _chunk_text(event: Any) -> str:
    """The text of a chunk, which the helper `stream()` hands out inside events of its own."""
    chunk = event.chunk if field(event, "type") == "chunk" else event
    choices = field(chunk, "choices") or ()
    return "".join(choice.delta.content or "" for choice in choices if choice.index == 0)


def _input_messages(arguments: Arguments) -> list[Message]:
    given = arguments.get("input") or ()
    return [Message("user", given)] if isinstance(given, str) else [_message(item) for item in given]


def _inject_instructions(arguments: Arguments, block: str) -> Arguments:
    return arguments | {"instructions": appended(arguments.get("instructions"), block)}


def _response_text(response: Any) -> str:
    return response.output_text or ""


def _event_text(event: Any) -> str:
    return event.delta if event.type == "response.output_text.delta" else ""


_CHAT = Method(
    messages=_chat_messages,
    inject=_inject_message,
    answer=_completion_text,
    delta=_chunk_text,
    takes_user=True,
)
_RESPONSES = Method(
    messages=_input_messages,
    inject=_inject_instructions,
    answer=_response_text,
    delta=_event_text,
    takes_user=True,
)


def _methods(method: Method) -> Tree:
    return {"create": method, "parse": method, "stream": replace(method, opens=True)}


TREE: dict[str, Any] = {
    "chat": {"completions": _methods(_CHAT)},
    "responses": _methods(_RESPONSES),
    "beta": {"chat": {"completions": _methods(_CHAT)}},
}
TREE |= dict.fromkeys(("with_options", "copy"), Returns(TREE))
