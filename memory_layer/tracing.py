"""Traces, by MEMORY_OTLP_ENDPOINT: what a request and the work it leads to consist of, sent to a collector.

Spans are made through OpenTelemetry's API wherever something happens; without an endpoint they are nothing, and neither
the SDK nor an instrumentation is imported. Nothing that a person wrote gets in: statements without their parameters,
commands without their values, exceptions without their words. Spans wait in a bounded queue that a thread of its own
sends: a collector that is away costs spans, never a request.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, cast

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode

from tenants.origin import propagator

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

SEND_SECONDS = 3.0
VERSION = str(settings.SPECTACULAR_SETTINGS["VERSION"])
tracer = trace.get_tracer(__name__)


def start() -> None:
    """Begin to send; once in each process that serves, after its fork, since no thread survives that."""
    if not settings.MEMORY_OTLP_ENDPOINT:
        return
    from memory_layer import spans

    provider = spans.provider(
        settings.MEMORY_OTLP_ENDPOINT,
        sample_ratio=settings.MEMORY_TRACE_SAMPLE_RATIO,
        resource={
            "service.name": "memory-layer",
            "service.version": VERSION,
            "deployment.environment.name": settings.MEMORY_ENVIRONMENT,
        },
        timeout=SEND_SECONDS,
    )
    trace.set_tracer_provider(provider)
    spans.instrument()
    Finalize(None, stop, exitpriority=0)  # children of multiprocessing know no atexit


def stop() -> None:
    """Send what waits, for SEND_SECONDS at the most: a collector that hangs must not keep a process from its end."""
    if settings.MEMORY_OTLP_ENDPOINT:
        provider = cast("TracerProvider", trace.get_tracer_provider())
        sending = threading.Thread(target=provider.shutdown, daemon=True)
        sending.start()
        sending.join(SEND_SECONDS)


@contextmanager
def request_span(request: HttpRequest, request_id: str) -> Iterator[Span]:
    """The block answers `request`, in the trace that its `traceparent` names, or in a new one."""
    if not settings.MEMORY_OTLP_ENDPOINT:
        yield trace.INVALID_SPAN
        return
    caller = propagator.extract({name.lower(): value for name, value in request.headers.items()})
    about = {"http.request.method": request.method or "", "request_id": request_id}
    with tracer.start_as_current_span(request.method or "", caller, kind=SpanKind.SERVER, attributes=about) as span:
        yield span


def describe(span: Span, response: HttpResponseBase, *, method: str, route: str) -> None:
    """What is known at the end of a request: its route (never its path), its outcome, its tenant."""
    if not span.is_recording():
        return
    span.update_name(f"{method} {route}")
    tenant = structlog.contextvars.get_contextvars().get("tenant", "")
    span.set_attributes({"http.route": route, "http.response.status_code": response.status_code, "tenant": tenant})
    if response.status_code >= 500:
        span.set_status(StatusCode.ERROR)
