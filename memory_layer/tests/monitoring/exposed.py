"""What the service exposes: its metrics, as Prometheus stores them, and their labels."""

from functools import cache
from importlib import import_module

from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from memory_layer.metrics.state import State

MODULES = [
    "memories.metrics",
    "retention.metrics",
    "tenants.rate_limits",
    "tenants.replicas",
    "memory_layer.metrics.requests",
    "memory_layer.metrics.tasks",
    "memory_layer.metrics.pool",
    "django_prometheus.db.metrics",
]
SERIES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
# Of Prometheus itself, and what it adds to all that it scrapes.
ITS_OWN = {"up": frozenset[str](), "ALERTS": frozenset(("alertname", "alertstate", "severity"))}
ADDED = frozenset(("job", "instance"))


def series() -> dict[str, frozenset[str]]:
    """The labels of each series by its name; needs the database."""
    return {name: labels | ADDED for name, labels in (ITS_OWN | _counted() | _of_state()).items()}


@cache
def _ours() -> list[MetricWrapperBase]:
    for module in MODULES:
        import_module(module)
    return [metric for metric in REGISTRY._collector_to_names if isinstance(metric, MetricWrapperBase)]


def _counted() -> dict[str, frozenset[str]]:
    return {
        metric._name + suffix: frozenset(metric._labelnames) | ({"le"} if suffix == "_bucket" else set())
        for metric in _ours()
        for suffix in SERIES[str(metric._type)]
    }


def rising() -> set[str]:
    """What begins at 0 with each start of a process, so that only its rise says something."""
    return {
        metric._name + suffix for metric in _ours() if metric._type != "gauge" for suffix in SERIES[str(metric._type)]
    }


def _of_state() -> dict[str, frozenset[str]]:
    samples = [sample for metric in State().collect() for sample in metric.samples]
    return {sample.name: frozenset(sample.labels) for sample in samples}
