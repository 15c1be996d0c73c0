"""Every way to name a row in a call, read from the addresses and the OpenAPI document, so that none is forgotten."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

OPERATIONS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Ids:
    """What names the rows of one tenant. Each is of the same length for everybody, so that answers can be compared."""

    tenant_slug: str
    tenant: str
    conversation_name: str
    conversation: str
    user_name: str
    user: str
    message: str
    external_id: str
    cursor: str
    idempotency_key: str
    api_key: str
    rule: str
    run: str
    hold: str
    fact: str
    job: str
    text: str
    note: str


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    places: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """`call(own, named)` is a good call of whoever has the ids `own`, but for one place, which is of `named`."""

    title: str
    where: str
    call: Callable[[Ids, Ids], Call]


# What can stand for a parameter. One that names rows and is not here fails the suite.
NAMES: dict[str, tuple[str, ...]] = {
    "tenant_id": ("tenant_slug", "tenant"),
    "conversation_id": ("conversation_name", "conversation"),
    "user_id": ("user_name", "user"),
    "message_id": ("message",),
    "message_ids": ("message",),
    "external_id": ("external_id",),
    "cursor": ("cursor",),
    "object_id": ("message", "api_key", "tenant"),
    "key_id": ("api_key",),
    "rule_id": ("rule",),
    "run_id": ("run",),
    "hold_id": ("hold",),
    "session_id": ("conversation_name", "conversation"),
    "fact_id": ("fact",),
    "job_id": ("job",),
}
NAMES_AT: dict[tuple[str, str, str], tuple[str, ...]] = {  # where it means something else
    ("post", "/v1/users", "external_id"): ("user_name",),
    ("get", "/v1/facts/{id}", "id"): ("user_name", "user"),
    ("patch", "/v1/facts/{id}", "id"): ("fact",),
    ("delete", "/v1/facts/{id}", "id"): ("fact",),
}
LISTS = {"message_ids"}
EMPTY_OF_NOBODY = {  # what is asked about somebody unknown is answered, with nothing
    ("get", "/v1/facts/{id}"),
    ("get", "/v1/conscious/{user_id}"),
    ("get", "/v1/history/{session_id}"),
    ("get", "/v1/users/{user_id}/profile"),
}
OF_USER_KEYS = {"/v1/conscious"}  # a good call only with the key of an end user
OF_DEPLOYMENT_KEYS = {"/v1/analytics/tenants"}  # a good call only with a key of the deployment
ADDRESSES_OF_NOBODY = {"/v1/admin/health", "/v1/admin/readiness"}  # take no key and no parameter


def names_rows(parameter: str) -> bool:
    return parameter in NAMES or parameter == "id" or parameter.endswith(("_id", "_ids", "cursor"))


def _message(own: Ids, **more: Any) -> dict[str, Any]:
    return {"conversation_id": own.conversation_name, "role": "user", "content": "Good morning", **more}


def _search(own: Ids) -> dict[str, Any]:
    return {"query": "breakfast porridge", "explain": True, "neighbours": 2}


def _context(own: Ids) -> dict[str, Any]:
    return {"query": "breakfast porridge", "user_id": own.user_name, "neighbours": 2}


# The least that makes a call a good one.
BODIES: dict[tuple[str, str], Callable[[Ids], dict[str, Any]]] = {
    ("post", "/v1/messages"): _message,
    ("put", "/v1/messages/{message_id}"): lambda own: {"content": "changed"},
    ("patch", "/v1/messages/{message_id}"): lambda own: {"archived": True},
    ("post", "/v1/messages/batch"): lambda own: {"messages": [_message(own)]},
    ("post", "/v1/messages/batch/update"): lambda own: {
        "updates": [{"message_id": own.message, "update": {"content": "changed"}}]
    },
    ("post", "/v1/messages/batch/delete"): lambda own: {"message_ids": [own.message]},
    ("post", "/v1/conversations"): lambda own: {"conversation_id": "quite-new"},
    ("put", "/v1/conversations/{conversation_id}"): lambda own: {"title": "changed"},
    ("patch", "/v1/conversations/{conversation_id}"): lambda own: {"metadata": {"changed": True}},
    ("post", "/v1/memory/search"): _search,
    ("post", "/v1/memory/context"): _context,
    ("post", "/v1/api-keys"): lambda own: {"name": "another"},
    ("post", "/v1/users"): lambda own: {"metadata": {"quite": "new"}},
    ("post", "/v1/sessions"): lambda own: {"user_id": own.user_name},
    ("post", "/v1/ingest"): lambda own: {
        "user_id": own.user_name, "session_id": own.conversation_name, "role": "user", "content": "Good morning"
    },
    ("post", "/v1/recall"): lambda own: {"user_id": own.user_name, "query": "breakfast porridge"},
    ("patch", "/v1/facts/{id}"): lambda own: {"content": "Has porridge for breakfast."},
    ("post", "/v1/admin/retention/run"): lambda own: {"dry_run": True},
    ("post", "/v1/retention/execute"): lambda own: {"dry_run": True},
    ("post", "/v1/retention/erase"): lambda own: {"conversation_id": own.conversation, "dry_run": True},
    ("post", "/v1/retention/holds"): lambda own: {"reason": "audit"},
    ("put", "/v1/retention/policy"): lambda own: {"max_age_days": 10},
    ("patch", "/v1/retention/policy"): lambda own: {"max_age_days": 10},
    ("post", "/v1/retention/rules"): lambda own: {
        "name": "quite-new", "rule_type": "age", "conditions": {"max_age_days": 1}, "action": "archive"
    },
    ("put", "/v1/retention/rules/{rule_id}"): lambda own: {"priority": 7},
    ("patch", "/v1/retention/rules/{rule_id}"): lambda own: {"enabled": False},
}  # fmt: skip
EITHER = {"/v1/retention/erase": ("conversation_id", "user_id")}  # of which a call names one
QUERIES: dict[tuple[str, str], Callable[[Ids], dict[str, str]]] = {
    ("get", "/v1/memory/search"): lambda own: {"query": "breakfast porridge", "explain": "true", "neighbours": "2"},
    ("get", "/v1/memory/context"): lambda own: {"query": "breakfast porridge", "user_id": own.user_name},
    ("get", "/v1/timeline"): lambda own: {"user_id": own.user_name},
}


@cache
def document() -> dict[str, Any]:
    described: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return described


def addresses() -> set[tuple[str, str]]:
    """(method, path) of all that the URL resolver leads to under /v1."""
    found = _walk(get_resolver("memory_layer.urls"), "/")
    return {(method, path) for method, path in found if path.startswith("/v1/") and path not in ADDRESSES_OF_NOBODY}


def _walk(at: URLResolver, prefix: str) -> Iterator[tuple[str, str]]:
    for pattern in at.url_patterns:
        path = prefix + _as_documented(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern, path)
        elif isinstance(pattern, URLPattern):
            yield from ((method, path) for method in _methods(pattern.callback))


def _as_documented(route: str) -> str:
    """`<uuid:message_id>` as `{message_id}`."""
    parts = [part.partition(">") for part in route.split("<")]
    return parts[0][0] + "".join(f"{{{name.rpartition(':')[2]}}}{rest}" for name, _, rest in parts[1:])


def _methods(view: Any) -> list[str]:
    known = getattr(view, "actions", None) or dir(getattr(view, "cls", None))
    return [method for method in OPERATIONS if method in known]


def documented() -> set[tuple[str, str]]:
    paths = document()["paths"].items()
    return {(method, path) for path, each in paths for method in each if path not in ADDRESSES_OF_NOBODY}


def generated() -> list[Case]:
    """A case for every operation, parameter that names rows, and way to name them."""
    return [case for method, path in sorted(documented()) for case in _of_operation(method, path)]


def _of_operation(method: str, path: str) -> Iterator[Case]:
    for where, name in _parameters(method, path):
        for spelling in _spellings(method, path, name):
            yield _case(method, path, where, name, spelling)
    if method == "post":
        yield _case(method, path, "headers", "Idempotency-Key", "idempotency_key")


def _spellings(method: str, path: str, name: str) -> tuple[str, ...]:
    found = NAMES_AT.get((method, path, name)) or NAMES.get(name)
    assert found, f"Say in {__name__}.NAMES what can stand for {name} of {method} {path}."
    return found


def _parameters(method: str, path: str) -> list[tuple[str, str]]:
    operation = document()["paths"][path][method]
    given = [({"path": "places"}.get(one["in"], one["in"]), one["name"]) for one in operation.get("parameters", [])]
    return [(where, name) for where, name in [*given, *_body_fields(operation)] if names_rows(name)]


def _body_fields(operation: Mapping[str, Any]) -> list[tuple[str, str]]:
    content = operation.get("requestBody", {}).get("content", {})
    reference = content.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
    shape = document()["components"]["schemas"].get(reference, {})
    return [("body", name) for name in shape.get("properties", {})]


def good_call(method: str, path: str, own: Ids) -> Call:
    """A call of `method` and `path` in which all is of one tenant."""
    named = [part.partition("}")[0] for part in path.split("{")[1:]]
    body = BODIES.get((method, path))
    takes_body = "requestBody" in document()["paths"][path][method]
    assert body or not takes_body, f"Say in {__name__}.BODIES what a good body of {method} {path} is."
    return Call(
        method,
        path,
        places={name: getattr(own, _spellings(method, path, name)[0]) for name in named},
        query=QUERIES.get((method, path), lambda own: {})(own),
        body=body(own) if body else None,
    )


def _case(method: str, path: str, where: str, name: str, spelling: str) -> Case:
    def call(own: Ids, named: Ids) -> Call:
        good = good_call(method, path, own)
        value = getattr(named, spelling)
        others = EITHER.get(path, ()) if name in EITHER.get(path, ()) else ()
        given = {key: each for key, each in (getattr(good, where) or {}).items() if key not in others}
        changed = {**given, name: [value] if name in LISTS else value}
        part: dict[str, Any] = {where: changed}
        return replace(good, **part)

    return Case(f"{method} {path} {where} {name} as {spelling}", where, call)


# --- What no document tells ---------------------------------------------------------------------------------------


def _case_of(title: str, where: str, method: str, path: str, **parts: Callable[[Ids, Ids], Mapping[str, Any]]) -> Case:
    def call(own: Ids, named: Ids) -> Call:
        made: dict[str, Any] = {name: part(own, named) for name, part in parts.items()}
        return replace(good_call(method, path, own), **made)

    return Case(f"{method} {path} {title}", where, call)


def _items() -> Iterator[Case]:
    """Ids within the items of batches, alone and beside a good item."""
    for name in ("tenant_id", "conversation_id", "user_id", "external_id"):
        for spelling, beside in product(NAMES[name], (False, True)):

            def body(own: Ids, named: Ids, *, n: str = name, s: str = spelling, b: bool = beside) -> dict[str, Any]:
                return {"messages": [_message(own)] * b + [_message(own, **{n: getattr(named, s)})]}

            title = f"item {name} as {spelling}{' beside a good one' * beside}"
            yield _case_of(title, "items", "post", "/v1/messages/batch", body=body)
    for beside in (False, True):

        def updates(own: Ids, named: Ids, *, b: bool = beside) -> dict[str, Any]:
            update = {"content": "changed"}
            ids = [own.message] * b + [named.message]
            return {"updates": [{"message_id": one, "update": update} for one in ids]}

        title = f"item message_id{' beside a good one' * beside}"
        yield _case_of(title, "items", "post", "/v1/messages/batch/update", body=updates)
    yield _case_of(
        "message_ids beside a good one",
        "items",
        "post",
        "/v1/messages/batch/delete",
        body=lambda own, named: {"message_ids": [own.message, named.message]},
    )


def _asking(**options: Any) -> Callable[[Ids, Ids], dict[str, Any]]:
    return lambda own, named: {"query": named.text, **options}


def _recalling(**options: Any) -> Callable[[Ids, Ids], dict[str, Any]]:
    return lambda own, named: {"user_id": own.user_name, "query": named.text, "limit": 20, **options}


def _texts() -> Iterator[Case]:
    """The very words and metadata of a message, in every mode and with every filter."""
    for mode in ("hybrid", "semantic", "lexical"):
        asking = _asking(mode=mode, top_k="100", explain="true")
        yield _case_of(f"query in mode {mode}", "text", "get", "/v1/memory/search", query=asking)
        asking = _asking(mode=mode, top_k=100, neighbours=3, include_archived=True)
        yield _case_of(f"query in mode {mode}, with all options", "text", "post", "/v1/memory/search", body=asking)
        asking = _asking(mode=mode, top_k=100, neighbours=3, include_archived=True, max_tokens=32_000)
        yield _case_of(f"query in mode {mode}", "text", "post", "/v1/memory/context", body=asking)
    for history in (False, True):
        recalling = _recalling(include_historical=history)
        yield _case_of(f"query, history {history}", "text", "post", "/v1/recall", body=recalling)
    yield _case_of(
        "metadata",
        "text",
        "get",
        "/v1/memory/search",
        query=lambda own, named: {"query": named.text, "metadata.note": named.note},
    )
    yield _case_of("metadata", "text", "get", "/v1/messages", query=lambda own, named: {"metadata.note": named.note})
    yield _case_of(
        "conversation_id and user_id together",
        "text",
        "get",
        "/v1/messages",
        query=lambda own, named: {"conversation_id": named.conversation_name, "user_id": named.user_name},
    )


def every_case() -> list[Case]:
    return [*generated(), *_items(), *_texts()]
