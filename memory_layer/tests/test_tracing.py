"""Traces: what is sent, what is left out, and a collector that is away."""

from typing import Any

import pytest
from django.test import Client, RequestFactory
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from memory_layer import spans, tracing
from memory_layer.running import free_port
from memory_layer.tests.collector import Receiver, receiver

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
MORE_THAN_WAIT = 5000  # spans; 2048 wait at most


@pytest.fixture
def collector():
    with receiver() as server:
        yield server


def provider(address: str, *, ratio: float = 1.0, timeout: float = 0.05) -> Any:
    return spans.provider(f"http://{address}", sample_ratio=ratio, resource={"service.name": "test"}, timeout=timeout)


def sent(collector: Receiver, made: Any) -> list[Any]:
    made.shutdown()
    return collector.spans()


@pytest.fixture
def traced(settings, monkeypatch, collector):
    """Requests are traced, and `traced()` are their spans."""
    settings.MEMORY_OTLP_ENDPOINT = f"http://{collector.address}"
    made = provider(collector.address)
    monkeypatch.setattr(tracing, "tracer", made.get_tracer("test"))
    return lambda: sent(collector, made)


def told(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes}


def test_a_request_is_a_span_of_its_route_without_its_query(traced, collector) -> None:
    Client().get("/v1/nope?query=secret", headers={"X-Request-ID": "mine"})
    (span,) = traced()
    assert (span.name, told(span)["request_id"], told(span)["http.response.status_code"]) == (
        "GET unmatched",
        "mine",
        404,
    )
    assert b"secret" not in collector.bodies[0]


def test_the_trace_of_the_caller_goes_on(traced) -> None:
    Client().get("/v1/nope", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    (span,) = traced()
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)


@pytest.mark.parametrize("given", ["", "x", f"00-{TRACE}-{PARENT}", "00-" + "0" * 32 + f"-{PARENT}-01"])
def test_what_is_no_trace_begins_a_new_one(traced, given) -> None:
    Client().get("/v1/nope", headers={"traceparent": given})
    assert not traced()[0].parent_span_id


@pytest.mark.parametrize("path", ["/livez", "/static/nope"])
def test_probes_and_files_are_not_traced(traced, path) -> None:
    Client().get(path)
    assert traced() == []


def test_of_an_exception_its_kind_is_sent_and_not_its_words(collector) -> None:
    made = provider(collector.address)
    with (
        pytest.raises(ValueError, match="secret"),
        made.get_tracer("test").start_as_current_span("one", kind=SpanKind.SERVER),
    ):
        raise ValueError("secret")
    (span,) = sent(collector, made)
    assert told(span)["error.type"] == "ValueError"
    assert span.status.code == StatusCode.ERROR.value
    assert b"secret" not in collector.bodies[0]


@pytest.mark.parametrize(
    ("ratio", "kind", "count"), [(1, "SERVER", 2), (1, "CONSUMER", 2), (1, "CLIENT", 0), (0, "SERVER", 0)]
)
def test_only_requests_and_tasks_begin_a_trace_and_as_many_as_the_settings_say(collector, ratio, kind, count) -> None:
    made = provider(collector.address, ratio=ratio)
    tracer = made.get_tracer("test")
    with tracer.start_as_current_span("one", kind=SpanKind[kind]), tracer.start_as_current_span("inside"):
        pass
    assert len(sent(collector, made)) == count


def test_a_collector_that_hangs_costs_spans_and_nothing_else() -> None:
    with receiver(hangs=True) as collector:
        made = provider(collector.address)
        tracer = made.get_tracer("test")
        for _ in range(MORE_THAN_WAIT):
            tracer.start_span("one", kind=SpanKind.SERVER).end()
        assert collector.asked.wait(20)
        made.shutdown()
        assert not collector.hanging.is_set()  # it answered nothing all the while


def test_a_collector_that_hangs_does_not_keep_a_process_from_its_end(settings, monkeypatch) -> None:
    with receiver(hangs=True) as collector:
        settings.MEMORY_OTLP_ENDPOINT = f"http://{collector.address}"
        made = provider(collector.address, timeout=60)
        made.get_tracer("test").start_span("one", kind=SpanKind.SERVER).end()
        monkeypatch.setattr(trace, "get_tracer_provider", lambda: made)
        monkeypatch.setattr(tracing, "SEND_SECONDS", 0.1)
        tracing.stop()
        assert not collector.hanging.is_set()


def test_a_collector_that_is_not_there_is_no_error() -> None:
    made = provider(f"127.0.0.1:{free_port()}")
    made.get_tracer("test").start_span("one", kind=SpanKind.SERVER).end()
    made.shutdown()


def test_without_an_endpoint_a_request_has_no_span(settings) -> None:
    with tracing.request_span(RequestFactory().get("/"), "mine") as span:
        assert not span.get_span_context().is_valid
