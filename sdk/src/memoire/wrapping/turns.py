"""Whose turn it is: the user's last words in a list of messages of any vendor."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Message:
    role: Literal["user", "tool", "other"]
    text: str


@dataclass(frozen=True)
class Question:
    """`is_new` is false where the call goes on with a turn that was asked before, as in a loop of tool calls."""

    text: str = ""
    is_new: bool = False


def question_in(messages: Sequence[Message]) -> Question:
    """The last text of the user; new unless a tool's result, or a turn without words, came after it."""
    is_new = True
    for message in reversed(messages):
        if message.role == "user" and message.text.strip():
            return Question(message.text, is_new)
        is_new = is_new and message.role == "other"
    return Question()


def field(item: Any, name: str) -> Any:
    """A field of a dict or of an object, None where it has none: callers pass both."""
    return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)


def text_of(content: Any) -> str:
    """The text of a message's content: a string, None, or parts of which those of text are joined."""
    if content is None or isinstance(content, str):
        return content or ""
    parts: Iterable[Any] = content
    return "\n".join(text for text in map(_text_of_part, parts) if text)


def _text_of_part(part: Any) -> str:
    if isinstance(part, str):
        return part
    return field(part, "text") or "" if field(part, "type") in ("text", "input_text") else ""
