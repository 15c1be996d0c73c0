"""One JSON line an event (or a readable one in development), with the ids of the request and the task it belongs to."""

import logging
from typing import Any

import structlog
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]
# Tracebacks without local variables: those hold texts and keys.
RENDERERS: dict[str, list[Any]] = {
    "json": [ExceptionRenderer(ExceptionDictTransformer(show_locals=False)), structlog.processors.JSONRenderer()],
    "console": [structlog.dev.ConsoleRenderer(pad_event_to=0, exception_formatter=structlog.dev.plain_traceback)],
}


def configuration(*, level: str, form: str) -> dict[str, Any]:
    """Return Django's LOGGING for `form` "json" or "console", and configure structlog to feed it."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *RENDERERS[form]],
        "foreign_pre_chain": SHARED,
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"events": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "events"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            **{name: {"level": _at_least("WARNING", level)} for name in QUIET},
            "django": {"handlers": [], "propagate": True, "level": level},
            # It would say once more of every refused request what our own line says.
            "django.request": {"level": _at_least("ERROR", level)},
        },
    }


def _at_least(least: str, level: str) -> str:
    names = logging.getLevelNamesMapping()
    return max(least, level, key=lambda name: names[name])


# Libraries that speak at INFO for every call, or at DEBUG of all that they send; ours say what matters.
QUIET = (
    "anthropic",
    "celery.app.trace",
    "celery.beat",
    "celery.worker.strategy",
    "django_celery_beat",
    "django_structlog",
    "google_genai",
    "httpx",
    "httpx2",
    "httpcore",
    "kombu",
    "openai",
    "sentence_transformers",
)
