"""docs/metrics.md names what there is, no more and no less."""

import re

from django.conf import settings
from prometheus_client import REGISTRY, Metric
from prometheus_client.metrics import MetricWrapperBase

from memory_layer.metrics import state

DOCUMENT = (settings.BASE_DIR / "docs" / "metrics.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| (.*?) ?\|", DOCUMENT, re.MULTILINE)
NEVER_COUNTED = "django_model_"  # django-prometheus makes them when it is imported


def counted() -> dict[str, set[str]]:
    """Labels by name, of what processes count."""
    collectors = [one for one in REGISTRY._collector_to_names if isinstance(one, MetricWrapperBase)]
    families = [(collector, family) for collector in collectors for family in collector.describe()]
    labels = {_full(family): set(collector._labelnames) for collector, family in families}
    return {name: of_it for name, of_it in labels.items() if not name.startswith(NEVER_COUNTED)}


def read() -> dict[str, set[str]]:
    """Labels by name, of what is read from the servers."""
    return {family.name: set(family.samples[0].labels) for family in state.State().collect()}


def _full(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def test_every_name_is_in_the_document_with_its_labels(transactional_db):
    documented = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in ROWS}
    assert documented == counted() | read()
    assert len(ROWS) == len(documented)
