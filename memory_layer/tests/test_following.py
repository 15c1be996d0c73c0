"""One request, followed by its id: the API's log line, the task's, and one trace from POST to searchable."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from opentelemetry.trace import SpanKind

from memory_layer.running import RunningStack
from memory_layer.tests.collector import receiver

TEXT = "The heron nests beyond the weir."
KEY = "a-deployment-key-of-this-test"
OTHER, MINE = "the-request-of-somebody-else", "the-request-of-this-test"
EMBED = "memories.tasks.embed_pending"


@dataclass(frozen=True)
class Followed:
    """What a stack said: `plain` are the lines of its parts that are not JSON."""

    lines: list[dict[str, Any]]
    plain: list[str]
    spans: list[Any]
    bodies: list[bytes]


@pytest.fixture(scope="module")
def followed(tmp_path_factory) -> Followed:
    """A stack that stored two messages of two requests, answered a search, and stopped."""
    with receiver() as collector:
        variables = {
            "MEMORY_API_KEYS": KEY,
            "MEMORY_LOG_FORMAT": "json",
            "MEMORY_OTLP_ENDPOINT": f"http://{collector.address}",
            "MEMORY_EMBEDDING_PROVIDER": "mock",
        }
        with RunningStack(tmp_path_factory.mktemp("followed"), **variables) as stack:
            stack.wait_for("Ctrl-C stops everything")
            store(stack, OTHER, "Another text.")
            store(stack, MINE, TEXT)
            ask(stack, "GET", "/v1/memory/search", params={"tenant_id": "birds", "query": "needle"})
            stack.wait_for(f'"request_id": "{MINE}", "event": "searchable"')
            stack.wait_for('"event": "task"')
        said = [line.partition(" │ ")[2].strip() for line in stack.lines if " │ " in line]
        parsed = [json.loads(line) for line in said if line.startswith("{")]
        plain = [line for line in said if not line.startswith("{")]
        return Followed(parsed, plain, collector.spans(), collector.bodies)


def store(stack: RunningStack, request_id: str, text: str) -> None:
    body = {"tenant_id": "birds", "conversation_id": "c", "role": "user", "content": text}
    ask(stack, "POST", "/v1/messages", json=body, headers={"X-Request-ID": request_id})


def ask(stack: RunningStack, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any) -> None:
    headers = {"X-API-Key": KEY} | (headers or {})
    requests.request(method, stack.url + path, headers=headers, timeout=30, **more).raise_for_status()


def lines(followed: Followed, event: str, **about: str) -> list[dict[str, Any]]:
    return [line for line in followed.lines if line["event"] == event and about.items() <= line.items()]


def of_request(followed: Followed, request_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the API and the worker said of it."""
    (request,), (searchable,) = (lines(followed, name, request_id=request_id) for name in ("request", "searchable"))
    return request, searchable


def trace_of(followed: Followed, request_id: str) -> list[Any]:
    trace_id = of_request(followed, request_id)[0]["trace_id"]
    return [span for span in followed.spans if span.trace_id.hex() == trace_id]


def told(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes}


def test_the_line_of_the_request_says_what_it_was(followed) -> None:
    said = of_request(followed, MINE)[0]
    assert {name: said[name] for name in ("method", "route", "status", "tenant", "level")} == {
        "method": "POST", "route": "v1/messages", "status": 202, "tenant": "birds", "level": "info",
    }  # fmt: skip
    assert said["ms"] > 0


@pytest.mark.parametrize("request_id", [OTHER, MINE])
def test_the_worker_names_each_request_whose_message_it_made_searchable(followed, request_id) -> None:
    request, searchable = of_request(followed, request_id)
    assert (searchable["task"], searchable["tenant"], searchable["messages"]) == (EMBED, "birds", 1)
    assert searchable["trace_id"] == request["trace_id"]


def test_every_line_of_a_task_has_its_id_and_its_name(followed) -> None:
    of_tasks = [line for line in followed.lines if line["logger"] in ("memories.embedding", "memory_layer.tasks")]
    assert len(of_tasks) > 1
    assert all(line["task"] and line["task_id"] for line in of_tasks)


def test_the_task_says_what_request_called_it_but_no_tenant(followed) -> None:
    (said,) = lines(followed, "task", task=EMBED, request_id=OTHER)
    assert (said["state"], said["actor"]) == ("success", "MEMORY_API_KEYS")
    assert "tenant" not in said


def test_one_trace_leads_from_the_request_to_searchable(followed) -> None:
    trace = trace_of(followed, MINE)
    assert trace[0].name == "POST v1/messages"
    assert {span.name for span in trace} > {"INSERT", "SET", "searchable"}
    assert max(trace, key=lambda span: span.end_time_unix_nano).name == "searchable"
    assert (told(trace[0])["request_id"], told(trace[0])["tenant"]) == (MINE, "birds")


def test_the_end_of_a_trace_is_linked_to_the_batch_that_brought_it(followed) -> None:
    (end,) = (span for span in trace_of(followed, MINE) if span.name == "searchable")
    (batch,) = (span for span in followed.spans if span.span_id == end.links[0].span_id)
    inside = {span.name for span in followed.spans if span.parent_span_id == batch.span_id}
    assert batch.name == "embed_batch"
    assert inside > {"embedding_generation", "INSERT"}


def test_the_task_is_in_the_trace_of_the_request_that_called_it(followed) -> None:
    # Its message may be of another's batch: a worker looks by itself when it starts, too.
    names = {span.name for span in trace_of(followed, OTHER)}
    assert names > {f"apply_async/{EMBED}", f"run/{EMBED}"}


def test_a_trace_begins_with_a_request_or_a_task(followed) -> None:
    kinds = {span.kind - 1 for span in followed.spans if not span.parent_span_id}  # the protocol counts from 1
    assert kinds <= {SpanKind.SERVER.value, SpanKind.CONSUMER.value}


@pytest.mark.parametrize("secret", [TEXT, "heron", KEY, "needle"])
def test_no_text_key_or_query_is_in_a_trace_or_a_line(followed, secret) -> None:
    said = [*followed.bodies, json.dumps(followed.lines).encode()]
    assert len(said) > 1
    assert not any(secret.encode() in one for one in said)


def test_what_the_parts_of_the_stack_say_is_json(followed) -> None:
    assert set(followed.plain) <= {"", "worker: Warm shutdown (MainProcess)"}  # Celery prints that by itself
