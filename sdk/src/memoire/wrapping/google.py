"""Google's models and chats (google-genai)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from memoire.wrapping.injection import appended
from memoire.wrapping.methods import Arguments, Method, Returns, Tree
from memoire.wrapping.turns import Message, field

_SYSTEM, _SYSTEM_ALIAS = "system_instruction", "systemInstruction"


def _messages(arguments: Arguments) -> list[Message]:
    """Contents are a turn or a list of turns; parts that stand side by side in a list are one turn."""
    contents = arguments.get("contents")
    turns: list[Message] = []
    parts: list[Any] = []
    for item in contents if isinstance(contents, list) else [contents]:
        if not (isinstance(item, list) or _is_content(item)):
            parts.append(item)
            continue
        turns += [_turn(parts)] if parts else []
        turns.append(_turn(item) if isinstance(item, list) else _turn(field(item, "parts"), role=field(item, "role")))
        parts = []
    return turns + ([_turn(parts)] if parts else [])


def _is_content(item: Any) -> bool:
    return field(item, "parts") is not None


def _turn(parts: Any, *, role: str | None = None) -> Message:
    """A turn of the model's, by its role or by a function call in it, or of the user's: its text parts joined."""
    parts = parts if isinstance(parts, list | tuple) else [parts]
    is_models = role == "model" or any(_either(part, "function_call", "functionCall") for part in parts)
    text = "\n".join(text for text in map(_text, parts) if text)
    return Message("other" if is_models else "user", text)


def _either(item: Any, name: str, alias: str) -> Any:
    return field(item, name) or field(item, alias)


def _text(part: Any) -> str:
    text = part if isinstance(part, str) else field(part, "text")
    return text if isinstance(text, str) and not field(part, "thought") else ""


def _sent(arguments: Arguments) -> list[Message]:
    return [_turn(arguments.get("message"))]


def _inject(arguments: Arguments, block: str) -> Arguments:
    """Into the config, which is a dict in either spelling, an object, or absent."""
    config = arguments.get("config") or {}
    if not isinstance(config, Mapping):
        system = _extended(config.system_instruction, block)
        return arguments | {"config": config.model_copy(update={_SYSTEM: system})}
    rest = {name: value for name, value in config.items() if name not in (_SYSTEM, _SYSTEM_ALIAS)}
    return arguments | {"config": rest | {_SYSTEM: _extended(_either(config, _SYSTEM, _SYSTEM_ALIAS), block)}}


def _extended(system: Any, block: str) -> Any:
    """A system instruction is a text, a part, a list of parts or a whole content."""
    from google.genai.types import Part

    if not system or isinstance(system, str):
        return appended(system, block)
    if isinstance(system, list | tuple):
        return [*system, block]
    if not _is_content(system):
        return [system, block]
    parts = [*field(system, "parts"), Part(text=block)]
    return {**system, "parts": parts} if isinstance(system, Mapping) else system.model_copy(update={"parts": parts})


def _answer(response: Any) -> str:
    """The text of the first candidate without its thoughts, of a whole answer or of a part of a stream."""
    candidates = response.candidates or ()
    parts = (candidates[0].content.parts or ()) if candidates and candidates[0].content else ()
    return "".join(map(_text, parts))


_GENERATE = Method(messages=_messages, inject=_inject, answer=_answer, delta=_answer)
_SEND = replace(_GENERATE, messages=_sent, positional=("message", "config"))
_CHAT: Tree = {"send_message": _SEND, "send_message_stream": _SEND}

METHODS: Tree = {
    "models": {"generate_content": _GENERATE, "generate_content_stream": _GENERATE},
    "chats": {"create": Returns(_CHAT, defaults=("config",))},
}
TREE: Tree = {**METHODS, "aio": METHODS}
