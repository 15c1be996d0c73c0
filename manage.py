#!/usr/bin/env python
"""Every command of the service; `manage.py up` starts all of it on this machine."""

import os
import signal
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        lease_embedded_servers()
    except ImproperlyConfigured as error:
        sys.exit(f"Memory Layer cannot start: {error}")
    name_the_actor()
    execute_from_command_line(sys.argv)


def name_the_actor() -> None:
    """For log lines and the audit trail."""
    import structlog

    person = os.environ.get("USER") or f"uid {os.getuid()}"
    structlog.contextvars.bind_contextvars(actor_kind="command", actor=f"{person}: {' '.join(sys.argv[1:2])}")


def lease_embedded_servers() -> None:
    """Where no server is configured, have the embedded ones run for as long as this command does."""
    from django.conf import settings

    from memory_layer import embedded

    if settings.EMBEDDED_POSTGRES or settings.EMBEDDED_REDIS:
        for number in (signal.SIGTERM, signal.SIGHUP):  # a plain death would skip the release at exit
            signal.signal(number, lambda number, _: sys.exit(128 + number))
        embedded.lease(settings.MEMORY_DATA_DIR, postgres=settings.EMBEDDED_POSTGRES, redis=settings.EMBEDDED_REDIS)


if __name__ == "__main__":
    main()
