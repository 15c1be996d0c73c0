"""The service with RabbitMQ as its broker, a real one that is killed."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import requests
from kombu import Connection

from memory_layer.running import RunningStack
from memory_layer.tests.integration.conftest import DEPLOYMENT_KEY, USER, Service
from memory_layer.tests.rabbitmq import RabbitMQ

QUEUES = ["embed", "extract", "maintenance"]


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    with RabbitMQ(tmp_path_factory.mktemp("broker") / "rabbitmq") as rabbitmq:
        yield rabbitmq


@pytest.fixture(scope="module")
def stack(rabbitmq: RabbitMQ, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    variables = {"MEMORY_API_KEYS": DEPLOYMENT_KEY, "MEMORY_CELERY_BROKER_URL": rabbitmq.url}
    variables |= {"MEMORY_EXTRACTION_DEBOUNCE_SECONDS": "0"}
    with RunningStack(tmp_path_factory.mktemp("over_amqp"), **variables) as running:
        running.wait_for("celery@.* ready")
        yield running


@pytest.fixture
def service(stack: RunningStack) -> Service:
    """With a key of a tenant that no other test has."""
    operator = Service(stack.url, DEPLOYMENT_KEY)
    return Service(stack.url, operator.post("/v1/api-keys", tenant_id=uuid4().hex, name="test")["key"])


def stored(service: Service, text: str) -> str:
    message: dict[str, str] = service.post("/v1/messages", conversation_id="monday", role="user", content=text)
    return message["id"]


def until_searchable(service: Service, message_id: str) -> None:
    service.until(lambda: service.get(f"/v1/messages/{message_id}")["embedding_status"] == "completed")
    found = service.post("/v1/memory/search", query="Which pet is there?", mode="semantic", top_k=100)["items"]
    assert message_id in [hit["message_id"] for hit in found]


def metric(service: Service, name: str) -> dict[str, float]:
    """What there is of it, by its labels."""
    text = requests.get(f"{service.url}/metrics", timeout=30).text
    return {labels: float(value) for labels, value in re.findall(rf"^{name}(\S*) (\S+)$", text, re.MULTILINE)}


def test_the_queues_are_at_the_broker(stack, rabbitmq):
    channel: Any
    with Connection(rabbitmq.url) as link, link.channel() as channel:
        consumers = [channel.queue_declare(name, passive=True).consumer_count for name in QUEUES]
    assert consumers == [1, 1, 1]


def test_what_is_stored_is_embedded_and_found(service):
    until_searchable(service, stored(service, "A cat named Tom lives here."))


def test_what_is_said_is_read_for_facts(service):
    service.post("/v1/ingest", user_id=USER, session_id="monday", role="user", content="I live in Austin.")
    assert service.until(service.facts) == ["Lives in Austin."]


def test_the_lengths_of_the_queues_are_told(service):
    assert metric(service, "broker_up") == {"": 1.0}
    assert set(metric(service, "celery_queue_length")) == {f'{{queue="{name}"}}' for name in QUEUES}


def test_nothing_is_lost_with_a_broker_that_is_killed(service, rabbitmq):
    before = stored(service, "A dog named Rex lives here.")
    rabbitmq.stop()
    meanwhile = [stored(service, f"A fish named Wanda {number} lives here.") for number in range(20)]
    assert metric(service, "broker_up") == {"": 0.0}
    rabbitmq.start()
    after = stored(service, "A horse named Ed lives here.")
    for message_id in (before, *meanwhile, after):
        until_searchable(service, message_id)


def test_a_queue_that_nobody_has_used_is_empty(rabbitmq):
    from memory_layer.metrics.state import _length

    with Connection(rabbitmq.url) as link:
        assert _length(link, "unheard of") == 0
