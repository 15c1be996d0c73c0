"""One line a task, as there is one a request; `django_structlog` hands the ids of the request on to the task."""

import logging
import time
from contextvars import ContextVar
from typing import Any

import structlog
from celery import Task, states
from celery.signals import task_failure, task_postrun, task_prerun
from django.dispatch import receiver
from django_structlog.celery.signals import bind_extra_task_metadata, modify_context_before_task_publish

from memory_layer.metrics.tasks import task_seconds

HANDED_ON = ("request_id", "actor_kind", "actor", "address", "parent_task_id")
began: ContextVar[float] = ContextVar("began")
log = structlog.get_logger("memory_layer.tasks")


@receiver(modify_context_before_task_publish)
def hand_on(context: dict[str, Any], **_: Any) -> None:
    """Who asked, but not for whom: a task that one request calls serves all that wait, of any tenant."""
    for name in context.keys() - set(HANDED_ON):
        del context[name]


@receiver(bind_extra_task_metadata)
def name_the_task(task: "Task[..., Any]", **_: Any) -> None:
    structlog.contextvars.bind_contextvars(task=task.name)


@task_prerun.connect
def note_the_time(**_: Any) -> None:
    began.set(time.perf_counter())


@task_failure.connect
def fail(sender: "Task[..., Any]", task_id: str, exception: BaseException, **_: Any) -> None:
    """Also in the parent, which has no ids at hand, of a task whose process was killed."""
    log.error("task_failed", task=sender.name, task_id=task_id, exc_info=exception)


@task_postrun.connect
def end(task: "Task[..., Any]", state: str, **_: Any) -> None:
    """At INFO where a request waits for it; what beat calls every few seconds is for DEBUG."""
    is_asked_for = "request_id" in structlog.contextvars.get_contextvars()
    level = logging.ERROR if state == states.FAILURE else logging.INFO if is_asked_for else logging.DEBUG
    seconds, outcome = time.perf_counter() - began.get(), (state or "unknown").lower()
    task_seconds.labels(task.name, outcome).observe(seconds)
    log.log(level, "task", state=outcome, ms=round(seconds * 1000, 1))
    structlog.contextvars.clear_contextvars()
