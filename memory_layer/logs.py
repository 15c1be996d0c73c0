"""One JSON line an event (or a readable one in development), with the ids of the request, the task and the trace."""

import logging
from collections.abc import Callable
from typing import Any

import structlog
from django.utils.log import CallbackFilter
from opentelemetry import trace
from structlog.typing import EventDict

from memory_layer import tracebacks


def configuration(*, level: str, form: str) -> dict[str, Any]:
    """Return Django's LOGGING for `form` "json" or "console", and configure structlog to feed it."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.captureWarnings(True)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"unhandled": {"()": CallbackFilter, "callback": _is_unhandled}},
        "formatters": {"events": {"()": formatter, "form": form}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "events"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            **{name: {"level": _at_least("WARNING", level)} for name in QUIET},
            **{name: {"level": "CRITICAL"} for name in SILENT},
            "django": {"handlers": [], "propagate": True, "level": level},
            # It would say once more of every refused request what our own line says.
            "django.request": {"level": _at_least("ERROR", level), "filters": ["unhandled"]},
        },
    }


def formatter(*, form: str) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *RENDERERS[form]],
        foreign_pre_chain=SHARED,
    )


def _at_least(least: str, level: str) -> str:
    names = logging.getLevelNamesMapping()
    return max(least, level, key=lambda name: names[name])


def _is_unhandled(record: logging.LogRecord) -> bool:
    """Of errors that no view answered, and not by their path, which holds what people are called."""
    record.msg, record.args = "unhandled_error", ()
    return bool(record.exc_info)


def _add_trace(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Only of a trace that is kept: any other leads nowhere."""
    here = trace.get_current_span().get_span_context()
    if here.trace_flags.sampled:
        event["trace_id"] = trace.format_trace_id(here.trace_id)
    return event


def _describe_exception(described: Callable[[BaseException], Any]) -> structlog.typing.Processor:
    def process(_logger: Any, _method: str, event: EventDict) -> EventDict:
        given = event.pop("exc_info", None)
        error = given[1] if isinstance(given, tuple) else given
        if isinstance(error, BaseException):
            event["exception"] = described(error)
        return event

    return process


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    _add_trace,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]
RENDERERS: dict[str, list[Any]] = {
    "json": [_describe_exception(tracebacks.described), structlog.processors.JSONRenderer(ensure_ascii=False)],
    "console": [_describe_exception(tracebacks.as_text), structlog.dev.ConsoleRenderer(pad_event_to=0)],
}
# Libraries that speak at INFO for every call, or at DEBUG of all that they send; ours say what matters.
QUIET = (
    "anthropic",
    "celery.beat",
    "celery.worker.strategy",
    "django.db.backends",
    "django.template",
    "django_celery_beat",
    "google_genai",
    "httpx",
    "httpx2",
    "httpcore",
    "kombu",
    "openai",
    "opentelemetry",
    "psycopg",
    "sentence_transformers",
    "sentry_sdk",
    "urllib3",
)
# They repeat the words of errors; `memory_layer.task_lines` says what became of a task.
SILENT = ("celery.app.trace", "django_structlog")
