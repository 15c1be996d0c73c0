"""`manage.py erase`: an end user, a conversation or a tenant, gone with every trace."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from redis import RedisError
from rich.console import Console
from rich.table import Table

from memories.editing import Held
from memories.jobs.claims import LEASE, Claimed
from memories.jobs.working import Turn
from memories.management import inline
from memories.models import Job, JobKind
from retention.cold_files import CorruptColdFile
from retention.erasure import as_job, receipts
from retention.erasure.erase import plan_erasure
from retention.erasure.subjects import Subject, UnknownSubject, find
from retention.models import Receipt
from tenants.isolation import tenant_scope
from tenants.management import terminal


class Command(BaseCommand):
    help = "Erase an end user, a conversation or a tenant with every trace, search for what is left, print a receipt."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="slug")
        subject = parser.add_mutually_exclusive_group(required=True)
        subject.add_argument("--user", metavar="ID", help="an end user, by the client's id or ours")
        subject.add_argument("--conversation", metavar="ID", help="a conversation, by the client's id or ours")
        subject.add_argument("--whole-tenant", action="store_true", help="the tenant itself")
        parser.add_argument("--dry-run", action="store_true", help="count, change nothing")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--json", action="store_true", help="print JSON, for `verify_receipt`")

    def handle(self, *args: Any, **options: Any) -> None:
        self.console = terminal.console_on(self.stdout)
        subject = _subject(options)
        try:
            counts = plan_erasure(subject)
            if options["dry_run"]:
                self._print(counts, options, title="would be erased")
                return
            self._confirm(subject, counts, options)
            receipt = self._erased(subject, options)
        except (Held, CorruptColdFile) as error:
            raise CommandError(str(error)) from None
        except RedisError as error:
            raise CommandError(f"Redis does not answer, and results in it name what is to go: {error}") from None
        self._print_receipt(receipt, options)
        if left := receipt.proof["found"]:
            places = ", ".join(f"{one['what']} in {one['place']}" for one in left)
            raise CommandError(f"The erasure is incomplete: {places}.")

    def _confirm(self, subject: Subject, counts: dict[str, int], options: dict[str, Any]) -> None:
        if options["yes"]:
            return
        if not sys.stdin.isatty():
            raise CommandError("There is no terminal to ask; say --yes if you are sure.")
        self._print(counts, options | {"json": False}, title="will be erased")
        if input(f'Erase this {subject.kind} for good? Type "{subject.name}": ') != subject.name:
            raise CommandError("Nothing was erased.")

    def _erased(self, subject: Subject, options: dict[str, Any]) -> Receipt:
        """As a job that others see; with a whole tenant that row goes as well, so that the flow hands the receipt."""
        job, made = as_job.queue(subject, wait=LEASE), list[Receipt | None]()

        def flow(claimed: Claimed, turn: Turn) -> None:
            made.append(as_job.erase_as_asked(claimed, turn))

        console = self.console if not options["json"] else Console(quiet=True)
        inline.carry_out(job, console, description="messages", flows={JobKind.ERASE: flow})
        if not made or made[0] is None:
            raise CommandError(f"It was not erased here: {_reason(job)}")
        return made[0]

    def _print_receipt(self, receipt: Receipt, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(receipts.as_json(receipt), indent=2) + "\n")
            return
        self._print(receipt.counts, options, title="erased")
        searched = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in receipt.proof["searched"].items())
        self.console.print(f"Searched: {searched}. Receipt {receipt.pk}.")

    def _print(self, counts: dict[str, int], options: dict[str, Any], *, title: str) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(counts, indent=2) + "\n")
            return
        table = Table("kind", title)
        for kind, count in counts.items():
            table.add_row(kind.replace("_", " "), f"{count:,}")
        self.console.print(table)


def _reason(job: Job) -> str:
    """Why it waits or failed; another process may be at it, or done with it."""
    with tenant_scope(job.tenant):
        found = Job.objects.filter(pk=job.pk).first()
    return found.error or f"the job {job.pk} is {found.status}." if found else "it is gone already."


def _subject(options: dict[str, Any]) -> Subject:
    tenant = terminal.tenant_of(options["tenant"])
    kind = "user" if options["user"] else "conversation" if options["conversation"] else "tenant"
    try:
        with tenant_scope(tenant):
            return find(tenant, kind, options["user"] or options["conversation"] or tenant.slug)
    except UnknownSubject as error:
        raise CommandError(str(error)) from None
