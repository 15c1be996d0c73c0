"""Every method that asks the service, and what it returns when there is no answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from memoire import Conscious, Context, Session, Timeline


def is_local_session(value: Any) -> bool:
    return isinstance(value, Session) and bool(UUID(value.id)) and value.user_id == "ann"


def equals(expected: Any) -> Callable[[Any], bool]:
    return lambda value: bool(value == expected and type(value) is type(expected))


Call = Callable[[Any], Any]
METHODS: dict[str, tuple[Call, Callable[[Any], bool]]] = {
    "recall": (lambda client: client.recall("Where?", user_id="ann"), equals([])),
    "get_conscious": (
        lambda client: client.get_conscious("ann"),
        equals(Conscious(user_id="ann", essential_facts=[])),
    ),
    "list_facts": (lambda client: client.list_facts("ann"), equals([])),
    "delete_fact": (lambda client: client.delete_fact("f1"), equals(False)),
    "get_fact_source": (lambda client: client.get_fact_source("f1"), equals(None)),
    "consolidate": (lambda client: client.consolidate("ann"), equals(None)),
    "create_session": (lambda client: client.create_session("ann"), is_local_session),
    "timeline": (lambda client: client.timeline("ann"), equals(Timeline(history=[]))),
    "add_message": (lambda client: client.add_message("Hello", conversation_id="c1"), equals(None)),
    "add_messages": (
        lambda client: client.add_messages([{"content": "Hello", "conversation_id": "c1", "role": "user"}]),
        equals([]),
    ),
    "search": (lambda client: client.search("Where?"), equals([])),
    "context": (lambda client: client.context("Where?"), equals(Context(text=""))),
}
WHERE_404_IS_AN_ANSWER = {"delete_fact", "get_fact_source", "context"}
