"""How many connections to the database are in use, noted whenever a request or a task has given its own back."""

from typing import Any, cast

from celery.signals import task_postrun, worker_process_init
from django.core.signals import request_finished
from django.db import connection
from prometheus_client import Gauge

connections = Gauge(
    "database_pool_connections",
    "Connections to the database, in use and idle, and the most that there may be.",
    ["state"],
    multiprocess_mode="livesum",
)
waiting = Gauge("database_pool_waiting", "Threads that wait for a connection.", multiprocess_mode="livesum")


def note(**_: Any) -> None:
    pool = cast("Any", connection).pool
    if pool is None:
        return
    now = pool.get_stats()
    connections.labels("in_use").set(now["pool_size"] - now["pool_available"])
    connections.labels("idle").set(now["pool_available"])
    connections.labels("max").set(now["pool_max"])
    waiting.set(now["requests_waiting"])


# Both after the receiver that gives the connection back: Django's own, and the one that Celery connects at its start.
request_finished.connect(note)


@worker_process_init.connect
def note_after_tasks(**_: Any) -> None:
    task_postrun.connect(note)
