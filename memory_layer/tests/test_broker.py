"""What becomes of a worker when Redis does not hear that it is done."""

from typing import cast

import pytest
from kombu import Connection
from kombu.transport import redis
from redis.exceptions import TimeoutError as RedisTimeout

from memory_layer.celery import app


@pytest.fixture
def channel():
    with Connection(app.conf.broker_url) as connection, cast("redis.Channel", connection.channel()) as channel:
        channel.qos.prefetch_count = 1
        yield channel


def test_a_message_whose_acknowledgement_is_not_heard_holds_up_no_other(channel, monkeypatch):
    def unheard(*_):
        raise RedisTimeout

    channel.qos._delivered["a tag"] = object()
    assert not channel.qos.can_consume()
    monkeypatch.setattr(redis.QoS, "_remove_from_indices", unheard)
    with pytest.raises(RedisTimeout):
        channel.qos.ack("a tag")
    assert channel.qos.can_consume()
    channel.qos._flush()
