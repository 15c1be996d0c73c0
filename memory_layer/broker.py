"""Redis as a broker: a worker whose acknowledgement Redis did not hear goes on all the same."""

from typing import Any

from kombu.transport import redis, virtual


class QoS(redis.QoS):
    """Kombu's forgets that a message is done with only after Redis was told, so that an error in between would leave a
    worker of one task at a time waiting for the end of that one for ever. Here it is forgotten first. Redis hands the
    message out once more, an hour later: a task that does nothing new.
    """

    def ack(self, delivery_tag: Any) -> None:
        try:
            super().ack(delivery_tag)
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise


def use() -> None:
    redis.Channel.QoS = QoS
