"""What /metrics says, as a text and as numbers."""

from typing import Any

import requests
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, ...], float]


def exposed() -> str:
    return str(Client().get("/metrics").text)


def samples(text: str) -> Samples:
    """By name and values of labels, in the order of the labels' names."""
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(one.name, *(one.labels[name] for name in sorted(one.labels))): one.value for one in found}


def scraped(url: str, **options: Any) -> Samples:
    answer = requests.get(url, timeout=30, **options)
    answer.raise_for_status()
    return samples(answer.text)
