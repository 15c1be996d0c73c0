"""Anthropic's messages."""

from dataclasses import replace
from typing import Any

from memoire.wrapping.injection import appended
from memoire.wrapping.methods import Arguments, Method, Returns, Tree
from memoire.wrapping.turns import Message, field, text_of


def _messages(arguments: Arguments) -> list[Message]:
    return [_message(item) for item in arguments.get("messages") or ()]


def _message(item: Any) -> Message:
    """A tool's result comes as a turn of the user's without text."""
    return Message("user", text_of(field(item, "content"))) if field(item, "role") == "user" else Message("other", "")


def _inject(arguments: Arguments, block: str) -> Arguments:
    """After the caller's system prompt, so that what is cached of it stays so."""
    system = arguments.get("system")
    if not system or isinstance(system, str):
        return arguments | {"system": appended(system, block)}
    return arguments | {"system": [*system, {"type": "text", "text": block}]}


def _answer(message: Any) -> str:
    return "".join(part.text for part in message.content if part.type == "text")


def _delta(event: Any) -> str:
    is_text = event.type == "content_block_delta" and event.delta.type == "text_delta"
    return event.delta.text if is_text else ""


_MESSAGES = Method(messages=_messages, inject=_inject, answer=_answer, delta=_delta)
_METHODS: Tree = {"create": _MESSAGES, "parse": _MESSAGES, "stream": replace(_MESSAGES, opens=True)}

TREE: dict[str, Any] = {"messages": _METHODS, "beta": {"messages": _METHODS}}
TREE |= dict.fromkeys(("with_options", "copy", "with_middleware"), Returns(TREE))
