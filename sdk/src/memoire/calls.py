"""Every call of the API: what is sent, how the answer is read, and what stands in for it when there is none."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import UUID, uuid4

from memoire.errors import MemoireConfigError
from memoire.models import (
    Batch,
    Conscious,
    Context,
    Fact,
    FactList,
    FactSource,
    Hit,
    HitList,
    Job,
    Message,
    QueuedTurn,
    Session,
    Timeline,
)

log = logging.getLogger("memoire")
T = TypeVar("T")
Id = str | UUID
Fields = Mapping[str, object]

IDS = frozenset({"user_id", "session_id", "conversation_id", "fact_id", "external_id"})
KINDS: dict[str, type] = {  # by name: the same everywhere
    "query": str,
    "content": str,
    "role": str,
    "category": str,
    "slot_hint": str,
    "mode": str,
    "limit": int,
    "top_k": int,
    "max_facts": int,
    "max_tokens": int,
    "max_age_days": int,
    "neighbours": int,
    "importance_min": float,
    "importance_override": float,
    "current_view_only": bool,
    "include_historical": bool,
    "include_archived": bool,
    "explain": bool,
    "metadata": Mapping,
}
TIMES = frozenset({"created_at", "since", "until"})


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request, and what becomes of its answer. `absent_is_empty`: a 404 is an answer, no failure."""

    name: str
    method: str
    path: str
    read: Callable[[Any], T]
    empty: Callable[[], T]
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    absent_is_empty: bool = False


# --- Facts --------------------------------------------------------------------------------------------------------


def recall(query: str, *, categories: Sequence[str] | None, **options: object) -> Call[list[Fact]]:
    body = _body({"query": query}, options, categories=_words("categories", categories))
    return Call("recall", "POST", "/v1/recall", _facts, list, body=body)


def ingest(content: str, *, session_id: Id, role: str, **options: object) -> Call[None]:
    """With an external id of its own, so that a repeat stores nothing twice."""
    given = {"content": content, "session_id": session_id, "role": role, "external_id": uuid4()}
    return Call("ingest", "POST", "/v1/ingest", _stored_turn, _none, body=_body(given, options))


def get_conscious(user_id: Id | None, *, max_facts: int) -> Call[Conscious]:
    path = "/v1/conscious" if user_id is None else f"/v1/conscious/{_in_path('user_id', user_id)}"
    empty = Conscious(user_id=str(user_id or ""), essential_facts=[])
    params = _params(max_facts=max_facts)
    return Call("get_conscious", "GET", path, Conscious.model_validate, lambda: empty, params=params)


def list_facts(user_id: Id, **options: object) -> Call[list[Fact]]:
    path = f"/v1/facts/{_in_path('user_id', user_id)}"
    return Call("list_facts", "GET", path, _facts, list, params=_params(**options))


def delete_fact(fact_id: Id) -> Call[bool]:
    path = f"/v1/facts/{_in_path('fact_id', fact_id)}"
    return Call("delete_fact", "DELETE", path, _nothing_more, _false, absent_is_empty=True)


def get_fact_source(fact_id: Id) -> Call[FactSource | None]:
    path = f"/v1/facts/{_in_path('fact_id', fact_id)}/source"
    return Call("get_fact_source", "GET", path, FactSource.model_validate, _none, absent_is_empty=True)


def consolidate(user_id: Id) -> Call[Job | None]:
    path = f"/v1/users/{_in_path('user_id', user_id)}/consolidate"
    return Call("consolidate", "POST", path, Job.model_validate, _none)


def timeline(**options: object) -> Call[Timeline]:
    empty = Timeline(history=[])
    return Call("timeline", "GET", "/v1/timeline", Timeline.model_validate, lambda: empty, params=_params(**options))


def create_session(user_id: Id | None) -> Call[Session]:
    def made_here() -> Session:
        return Session(id=str(uuid4()), user_id=None if user_id is None else str(user_id))

    body = _body({}, {"user_id": user_id})
    return Call("create_session", "POST", "/v1/sessions", Session.model_validate, made_here, body=body)


# --- Messages -----------------------------------------------------------------------------------------------------


def add_message(content: str, *, conversation_id: Id, role: str, **options: object) -> Call[Message | None]:
    given = {"content": content, "conversation_id": conversation_id, "role": role}
    return Call("add_message", "POST", "/v1/messages", Message.model_validate, _none, body=_body(given, options))


def add_messages(messages: Sequence[Mapping[str, object]]) -> Call[list[Message]]:
    is_list = isinstance(messages, Sequence) and not isinstance(messages, str)
    if not is_list or not all(isinstance(message, Mapping) for message in messages):
        raise MemoireConfigError("messages is no list of mappings.")
    body = _json({"messages": [_checked(message) for message in messages]})
    return Call("add_messages", "POST", "/v1/messages/batch", _created, list, body=body)


def search(query: str, **options: object) -> Call[list[Hit]]:
    body = _body({"query": query}, options)
    return Call("search", "POST", "/v1/memory/search", _hits, list, body=body)


def context(query: str, **options: object) -> Call[Context]:
    empty, body = Context(text=""), _body({"query": query}, options)
    path = "/v1/memory/context"
    return Call("context", "POST", path, Context.model_validate, lambda: empty, body=body, absent_is_empty=True)


# --- Answers ------------------------------------------------------------------------------------------------------


def _facts(data: Any) -> list[Fact]:
    return FactList.model_validate(data).facts


def _hits(data: Any) -> list[Hit]:
    return HitList.model_validate(data).items


def _created(data: Any) -> list[Message]:
    """What was stored; what was refused is told in the log."""
    batch = Batch.model_validate(data)
    if batch.errors:
        refused = len({error.index for error in batch.errors})
        log.warning("The memory service refused %d messages of a batch (%s).", refused, batch.errors[0].code)
    return batch.created


def _stored_turn(data: Any) -> None:
    QueuedTurn.model_validate(data)


def _nothing_more(data: Any) -> bool:
    """Of an answer without content (204)."""
    if data is not None:
        raise ValueError("content where none is expected")
    return True


def _none() -> None:
    return None


def _false() -> bool:
    return False


# --- Requests -----------------------------------------------------------------------------------------------------


def _body(required: Fields, optional: Fields, **more: object) -> bytes:
    """JSON of what is given; None in `required` is a mistake, elsewhere it is left out."""
    missing = [name for name, value in required.items() if value is None]
    if missing:
        raise MemoireConfigError(f"{missing[0]} is None.")
    return _json(_checked({**required, **optional, **more}))


def _params(**given: object) -> dict[str, str]:
    return {name: _as_text(value) for name, value in _checked(given).items()}


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_path(name: str, value: object) -> str:
    """As one segment: an id of dots alone would otherwise be taken for a step up."""
    quoted = quote(_id(name, value), safe="")
    return quoted.replace(".", "%2E") if quoted in (".", "..") else quoted


def _json(body: Fields) -> bytes:
    """UTF-8; half of a surrogate pair, which some models' answers hold, becomes a question mark."""
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode(errors="replace")
    except (TypeError, ValueError, RecursionError) as error:
        raise MemoireConfigError("An argument, such as metadata, holds something that JSON cannot tell.") from error


def _checked(given: Fields) -> dict[str, Any]:
    """What is not None, each of the kind that its name asks for."""
    return {name: _value(name, value) for name, value in given.items() if value is not None}


def _value(name: str, value: object) -> object:
    if name in IDS:
        return _id(name, value)
    if name in TIMES:
        return _time(name, value)
    kind = KINDS.get(name)
    if kind is not None and not _is(value, kind):
        raise MemoireConfigError(f"{name} is no {kind.__name__}, but {type(value).__name__}.")
    return value


def _is(value: object, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _id(name: str, value: object) -> str:
    if not isinstance(value, (str, UUID)) or not str(value):
        raise MemoireConfigError(f"{name} is no id (text or UUID), but {type(value).__name__}.")
    text = str(value)
    if not _is_unicode(text):
        raise MemoireConfigError(f"{name} holds half of a surrogate pair.")
    return text


def _is_unicode(text: str) -> bool:
    return text == text.encode(errors="replace").decode()


def _time(name: str, value: object) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise MemoireConfigError(f"{name} is no datetime with a time zone.")
    return value.isoformat()


def _words(name: str, value: object) -> list[str] | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(word, str) for word in value):
        raise MemoireConfigError(f"{name} is no list of texts.")
    return list(value)
