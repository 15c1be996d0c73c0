"""Errors that nobody expected, by MEMORY_SENTRY_DSN, to a Sentry or a server that speaks like it.

A report says what failed, where in the code, in which request or task and for which tenant. It holds no body, query,
header, address, argument or local variable, and of exceptions only what `memory_layer.tracebacks` quotes.
"""

from typing import Any

import structlog
from django.conf import settings

from memory_layer.tracebacks import quotable

SAID = ("request_id", "task_id", "task", "job_id", "tenant", "key_id")
KEPT = ("event_id", "timestamp", "platform", "level", "transaction", "exception", "release", "environment", "sdk")
SECONDS_AT_THE_END = 2


def start() -> None:
    """Begin to report, in this process and those it forks; without a DSN nothing is imported."""
    if not settings.MEMORY_SENTRY_DSN:
        return
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.celery import CeleryIntegration
    from sentry_sdk.integrations.dedupe import DedupeIntegration
    from sentry_sdk.integrations.django import DjangoIntegration
    from sentry_sdk.integrations.threading import ThreadingIntegration

    sentry_sdk.init(
        settings.MEMORY_SENTRY_DSN,
        release=f"memory-layer@{settings.SPECTACULAR_SETTINGS['VERSION']}",
        environment=settings.MEMORY_ENVIRONMENT,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,  # they hold statements, commands and addresses
        before_send=scrubbed,
        shutdown_timeout=SECONDS_AT_THE_END,
        # Others send command lines, lists of packages, or what is asked of language models.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            AtexitIntegration(callback=lambda *_: None),
            CeleryIntegration(),
            DedupeIntegration(),
            DjangoIntegration(signals_spans=False),
            ThreadingIntegration(propagate_scope=False),
        ],
    )


def scrubbed(event: Any, _hint: dict[str, Any]) -> Any:
    """Only what is known to be harmless, however much more the SDK comes to collect."""
    context = structlog.contextvars.get_contextvars()
    kept = {name: event[name] for name in KEPT if name in event}
    # Of no known route it is the path, which says what people are called.
    if event.get("transaction_info", {}).get("source") == "url":
        kept.pop("transaction", None)
    for one in kept.get("exception", {}).get("values", []):
        one["value"] = quotable(one.get("type") or "", one.get("value") or "")
    return kept | {"tags": {name: str(context[name]) for name in SAID if name in context}}
