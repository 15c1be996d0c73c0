"""`manage.py restore`: archived messages that are found again (docs/retention.md)."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime

from memories.management import inline
from memories.models import Conversation, JobKind
from retention import restoring
from retention.models import Run
from tenants.isolation import tenant_scope
from tenants.management import terminal
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Restore archived messages: by their ids, of a conversation, of a run, or archived within a time."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="slug")
        parser.add_argument("--message", type=UUID, nargs="+", metavar="ID", help="these messages")
        parser.add_argument("--conversation", metavar="ID", help="the client's id: all messages of it")
        parser.add_argument("--run", type=UUID, metavar="ID", help="what this retention run archived")
        parser.add_argument("--since", type=_time, metavar="TIME", help="archived at this time (ISO 8601) or later")
        parser.add_argument("--until", type=_time, metavar="TIME", help="archived at this time or earlier")
        parser.add_argument("--dry-run", action="store_true", help="count, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = terminal.tenant_of(options["tenant"])
        chosen = _chosen(tenant, options)
        with tenant_scope(tenant):
            total = restoring.archived(tenant, **chosen).count()
        if options["dry_run"]:
            self.stdout.write(f"{total:,} archived messages would be restored.")
            return
        console = terminal.console_on(self.stdout)
        job = inline.queue(tenant, JobKind.RESTORE, **restoring.asked(**chosen))
        done = inline.work_off(job, console, description="Restoring").result.get("restored", 0)
        console.print(f"{done:,} messages restored.")


def _time(text: str) -> datetime:
    """Without an offset it is UTC."""
    try:
        time = parse_datetime(text) or datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"expected a time such as 2026-01-31T12:00:00Z, not {text!r}") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _chosen(tenant: Tenant, options: dict[str, Any]) -> dict[str, Any]:
    """What `restoring.archived` is asked for: exactly one of the ways to choose."""
    names = {"message": "ids", "conversation": "conversation", "run": "run", "since": "since", "until": "until"}
    given = {names[name]: options[name] for name in names if options[name] is not None}
    if len({"time" if name in ("since", "until") else name for name in given}) != 1:
        raise CommandError("Give one of --message, --conversation, --run, or --since and --until.")
    if "run" in given:
        given["run"] = _run(tenant, given["run"])
    if "conversation" in given:
        given["conversation"] = _conversation(tenant, given["conversation"])
    return given


def _conversation(tenant: Tenant, external_id: str) -> UUID:
    with tenant_scope(tenant):
        conversation = Conversation.objects.for_tenant(tenant).filter(external_id=external_id).first()
    if conversation is None:
        raise CommandError(f'The tenant has no conversation "{external_id}".')
    return conversation.pk


def _run(tenant: Tenant, run_id: UUID) -> Run:
    with tenant_scope(tenant):
        run = Run.objects.for_tenant(tenant).filter(pk=run_id).first()
    if run is None:
        raise terminal.missing("retention run", {run_id})
    return run
