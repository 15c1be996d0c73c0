"""Labelled sets: messages, and questions of which it is known which messages answer them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from memories.ingest import NewMessage

Item = TypeVar("Item")


@dataclass(frozen=True)
class Question:
    """`relevant` are external ids of messages, `sessions` ids of conversations, where those are told apart.

    `filters` are fields of `search.Query`. `asked_at` is when the question was put, None for the time of the run.
    """

    id: str
    text: str
    relevant: frozenset[str]
    category: str = ""
    sessions: frozenset[str] = frozenset()
    filters: Mapping[str, Any] = field(default_factory=dict)
    asked_at: datetime | None = None


@dataclass(frozen=True)
class LabelledSet:
    """`dropped` says what of the file was left out, and how much of it. Every message has an external id."""

    form: str
    messages: Sequence[NewMessage]
    questions: Sequence[Question]
    dropped: Mapping[str, int] = field(default_factory=dict)


def masked(*parts: object) -> str:
    """A neutral id: what a data set calls a message or a session may give the answer away ("answer_17")."""
    return hashlib.sha256(repr(parts).encode(errors="surrogatepass")).hexdigest()[:24]


def spread(items: Sequence[Item], *, limit: int | None) -> list[Item]:
    """At most `limit` of the items, evenly spaced: files are often sorted by kind."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[number * len(items) // limit] for number in range(limit)]
