"""`manage.py up`: everything on this machine, from one command."""

import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from memory_layer import stack
from memory_layer.metrics import exposition
from memory_layer.stack import FirstSecrets
from memory_layer.supervisor import ProcessFailedError, Supervisor


class Command(BaseCommand):
    help = "Start everything on this machine: servers, migrations, API, worker, beat. Ctrl-C stops all of it."
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_taken_port()
        with exposition.shared_by_children(with_state=True) as variables:
            self._run(stack.environment() | variables)
        self.stdout.write("Stopped.")

    def _run(self, environment: Mapping[str, str]) -> None:
        self.stdout.write("Preparing the database…")
        first = stack.prepare()
        call_command("export_model", stdout=self.stdout)
        supervisor = Supervisor(stack.commands(), environment=environment, out=sys.stdout)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: supervisor.stop())
        try:
            with stack.servers_kept(supervisor.say):
                supervisor.start()
                self._announce(first)
                supervisor.run()
        except ProcessFailedError as error:
            raise CommandError(f"{error} Its last lines above say why.") from error
        finally:
            supervisor.end()

    def _announce(self, first: FirstSecrets) -> None:
        base = stack.base_url()
        if not stack.wait_until_it_answers(f"{base}/livez"):
            raise CommandError(f"The API did not answer at {base} within a minute; its lines above say why.")
        self.stdout.write(BANNER.format(base=base, key=_key(first), operator=_operator(first)))
        self.stdout.write(CURL.format(base=base, key=first.api_key or "YOUR_KEY"))
        self.stdout.flush()


def refuse_taken_port() -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.MEMORY_HOST, settings.MEMORY_PORT))
        except OSError as error:
            raise CommandError(
                f"{settings.MEMORY_HOST}:{settings.MEMORY_PORT} cannot be used ({error.strerror}). "
                "Choose another port: MEMORY_PORT=8001 make up"
            ) from error


def _key(first: FirstSecrets) -> str:
    if first.api_key:
        return f"{first.api_key}  (tenant default; shown this once)"
    return "shown at the first start; another: .venv/bin/python manage.py issue_api_key"


def _operator(first: FirstSecrets) -> str:
    if first.operator_password:
        return f"user {stack.OPERATOR}, password {first.operator_password}  (shown this once)"
    return "another password: .venv/bin/python manage.py changepassword admin"


BANNER = """
Memory Layer is up.

  API      {base}/v1
  Docs     {base}/docs
  Admin    {base}/admin/  ({operator})
  API key  {key}

Store a message, then search for it:
"""
CURL = """\
  curl -s {base}/v1/messages -H 'X-API-Key: {key}' -H 'Content-Type: application/json' \\
    -d '{{"conversation_id": "hello", "role": "user", "content": "I live in Austin, Texas."}}'

  curl -s -G {base}/v1/memory/search -H 'X-API-Key: {key}' --data-urlencode 'query=Where do I live?'

Ctrl-C stops everything.
"""
