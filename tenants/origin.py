"""What work is done for: the request that asked, and its trace, so that what becomes of it is told there too.

Rows are the outbox and a worker takes up many at once, for many requests; each row keeps the one that wrote it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from opentelemetry import context, trace
from opentelemetry.trace import Link
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Origin = dict[str, str]
propagator = TraceContextTextMapPropagator()
tracer = trace.get_tracer(__name__)
log = structlog.get_logger(__name__)


def current() -> Origin | None:
    """The id and the trace of the request that is at work, for a row to keep; None where there is no request."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    if request_id is None:
        return None
    origin = {"request_id": request_id}
    propagator.inject(origin)
    return origin


@contextmanager
def resumed(origin: Origin | None, name: str, **about: str) -> Iterator[None]:
    """The block is work for `origin`: lines say its request, and a span `name` in its trace links to the one here."""
    bound = {**about, **_request(origin)}
    parent = propagator.extract(origin) if origin and "traceparent" in origin else context.get_current()
    with (
        structlog.contextvars.bound_contextvars(**bound),
        tracer.start_as_current_span(name, parent, links=_here(), attributes=bound),
    ):
        yield


def tell(origin: Origin, name: str, *, since: int, **about: str | int) -> None:
    """Log to the request of `origin` that `name` came true, and end its trace with a span from `since` (epoch, ns)."""
    told = {**about, **_request(origin)}
    span = tracer.start_span(name, propagator.extract(origin), links=_here(), attributes=told, start_time=since)
    with trace.use_span(span, end_on_exit=True):
        log.info(name, **told)


def _here() -> list[Link]:
    here = trace.get_current_span().get_span_context()
    return [Link(here)] if here.is_valid else []


def _request(origin: Origin | None) -> Origin:
    return {"request_id": origin["request_id"]} if origin else {}


@contextmanager
def forgotten() -> Iterator[None]:
    """The block calls a worker for what is left, which is for other requests than the one here."""
    token = context.attach(context.Context())
    kept = structlog.contextvars.get_contextvars().get("request_id")
    structlog.contextvars.unbind_contextvars("request_id")
    try:
        yield
    finally:
        context.detach(token)
        if kept is not None:
            structlog.contextvars.bind_contextvars(request_id=kept)
