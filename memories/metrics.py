"""What is counted and timed here, by the names of `docs/metrics.md`. Labels are bounded: no tenant, no text."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from prometheus_client import Counter, Gauge, Histogram

tracer = trace.get_tracer(__name__)

SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0)
LONG = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)

messages_created = Counter("messages_created_total", "Messages stored, once they are committed.", ["role"])
searches = Counter("memory_searches_total", "Searches answered.", ["mode", "cache", "degraded"])
search_seconds = Histogram(
    "memory_search_duration_seconds", "From a query to its hits, embedding included.", ["cache"], buckets=SHORT
)
recalls = Counter("memory_recalls_total", "Questions about a person's facts.", ["degraded"])
recall_seconds = Histogram("memory_recall_duration_seconds", "From a question to its facts.", buckets=SHORT)

embedding_seconds = Histogram(
    "embedding_generation_duration_seconds", "One call to the embedding model.", ["kind", "outcome"], buckets=SHORT
)
embedding_jobs = Counter("embedding_jobs_total", "Messages that a worker took up.", ["outcome"])
embedding_lag = Histogram("embedding_lag_seconds", "From a write to searchable by meaning.", buckets=LONG)

facts_extracted = Counter("facts_extracted_total", "Statements that were read, by what became of them.", ["outcome"])
llm_tokens = Counter("llm_tokens_total", "Tokens of language models.", ["model", "direction"])
llm_cost = Counter("llm_cost_dollars_total", "What those cost, where it is known.", ["model"])

provider_seconds = Histogram(
    "provider_request_duration_seconds", "One attempt at a vendor.", ["vendor", "outcome"], buckets=LONG
)
circuit_open = Gauge(
    "provider_circuit_open", "Over 0 while calls to the vendor are paused.", ["vendor"], multiprocess_mode="livemax"
)

jobs_finished = Counter("jobs_finished_total", "Long operations that ended.", ["kind", "status"])


@contextmanager
def timed(histogram: Histogram, **labels: str) -> Iterator[None]:
    """Observe how long the block takes; `outcome` is "ok", or what the exception that ends it has under that name.

    It is a span as well, of the histogram's name.
    """
    started, outcome = time.perf_counter(), "error"
    name = next(iter(histogram.describe())).name.removesuffix("_duration_seconds")
    try:
        with tracer.start_as_current_span(name, attributes=labels):
            yield
        outcome = "ok"
    except Exception as error:
        outcome = getattr(error, "outcome", "error")
        raise
    finally:
        histogram.labels(**labels, outcome=outcome).observe(time.perf_counter() - started)


def count_search(mode: str, *, cached: bool, degraded: bool, seconds: float) -> None:
    cache = "hit" if cached else "miss"
    searches.labels(mode=mode, cache=cache, degraded=truth(degraded)).inc()
    search_seconds.labels(cache=cache).observe(seconds)


def truth(value: bool) -> str:
    """As a label."""
    return str(value).lower()
