"""The Celery application; schedules and queues are in `settings.py`, tasks in each app's `tasks.py`."""

import os
import warnings
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_process_shutdown, worker_ready
from django_structlog.celery.steps import DjangoStructLogInitStep

from memory_layer import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")

broker.use()
app = Celery("memory_layer")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# The warning is about pickled tasks; ours are JSON, and trying the product as root is common.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
app.steps["worker"].add(DjangoStructLogInitStep)

from memory_layer import task_lines, worker_end  # noqa: E402, F401 - they connect their receivers


@setup_logging.connect
def keep_django_logging(**_: Any) -> None:
    """Celery configures no logging of its own while a receiver is connected: Django's stays."""


@worker_process_init.connect
def begin_traces(**_: Any) -> None:
    from memory_layer import tracing

    tracing.start()


@worker_process_shutdown.connect
def send_last_traces(**_: Any) -> None:
    from memory_layer import tracing

    tracing.stop()


@worker_process_init.connect
def warm_up(**_: Any) -> None:
    """After the fork: a model that already ran in the parent may hang in its children."""
    from memories import providers
    from memory_layer.warming import warm_up_in_background

    warm_up_in_background(providers.load)


@worker_ready.connect
def take_up_abandoned_work(**_: Any) -> None:
    """A worker that starts may follow one that died: look for work now, not at the next beat."""
    app.send_task("memories.tasks.embed_pending", queue="embed")
    app.send_task("memories.tasks.work_off_jobs", queue="extract")
    app.send_task("memories.tasks.work_off_operations", queue="maintenance")
