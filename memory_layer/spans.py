"""OpenTelemetry's SDK as `memory_layer.tracing` uses it: what is kept, what is left out, where it goes."""

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind, Status, TraceState
from opentelemetry.util.types import Attributes

BEGINNINGS = (SpanKind.SERVER, SpanKind.CONSUMER)


def provider(endpoint: str, *, sample_ratio: float, resource: Mapping[str, str], timeout: float) -> TracerProvider:
    """Sends `sample_ratio` of all traces to the collector at `endpoint`; a batch is given up after `timeout` s."""
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=timeout)
    made = TracerProvider(Beginnings.sampled(sample_ratio), Resource.create(dict(resource)))
    made.add_span_processor(BatchSpanProcessor(Discreet(exporter)))
    return made


def instrument() -> None:
    """Statements, commands and tasks become spans. Parameters and values stay out: that is how these three are set."""
    PsycopgInstrumentor().instrument(skip_dep_check=True)
    RedisInstrumentor().instrument(skip_dep_check=True)
    CeleryInstrumentor().instrument(skip_dep_check=True)  # type: ignore[no-untyped-call]


class Beginnings(Sampler):
    """A trace begins with a request or a task: a statement of the connection pool alone is none."""

    def __init__(self, inner: Sampler) -> None:
        self._inner = inner

    @classmethod
    def sampled(cls, ratio: float) -> Sampler:
        return ParentBased(cls(TraceIdRatioBased(ratio)))

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        sampler = self._inner if kind in BEGINNINGS else ALWAYS_OFF
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return f"Beginnings({self._inner.get_description()})"


class Discreet(SpanExporter):
    """Sends spans on without the words of exceptions; their kind stays, as `error.type`."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inner.export([_without_words(span) for span in spans])

    def shutdown(self) -> None:
        self._inner.shutdown()


def _without_words(span: ReadableSpan) -> ReadableSpan:
    said = [event.attributes or {} for event in span.events]
    kinds = [one["exception.type"] for one in said if "exception.type" in one]
    attributes: dict[str, Any] = dict(span.attributes or {})
    if kinds:
        attributes["error.type"] = kinds[-1]
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
