"""`manage.py extract_facts`: facts out of messages that were stored without being read for them, such as imports."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from memories.embedding_models import provider_for
from memories.facts import backfill
from memories.facts.backfill import Unread
from memories.facts.reading import reader
from memories.facts.working import work_off
from memories.models import Job, JobStatus
from tenants.isolation import tenant_scope
from tenants.management import terminal
from tenants.models import EndUser, Tenant

CHARACTERS_OF_A_TOKEN = 4


class Command(BaseCommand):
    help = "Read stored messages of end users for facts. Each is read once, however often this runs."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="slug")
        parser.add_argument("--user", help="only this end user: our id, or the client's")
        parser.add_argument("--dry-run", action="store_true", help="say what there is to read, and read nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        self.console = terminal.console_on(self.stdout)
        tenant = terminal.tenant_of(options["tenant"])
        end_user = terminal.end_user_of(tenant, options["user"]) if options["user"] else None
        there_is = backfill.measure(tenant, end_user=end_user)
        self.console.print(_described(there_is, by=reader().name))
        if there_is.messages and not options["dry_run"]:
            self._read(tenant, end_user, there_is)

    def _read(self, tenant: Tenant, end_user: EndUser | None, there_is: Unread) -> None:
        jobs = []
        with terminal.progress_on(self.console) as bar:
            task = bar.add_task("Sessions", total=there_is.sessions)
            for queued in backfill.queue_unread(tenant, end_user=end_user):
                jobs += queued
                for job_id in queued:
                    work_off(reader=reader(), provider_for=provider_for, only=[job_id])
                bar.advance(task)
        self._report(tenant, jobs)

    def _report(self, tenant: Tenant, ids: list[Any]) -> None:
        with tenant_scope(tenant):
            jobs = list(Job.objects.for_tenant(tenant).filter(pk__in=ids))
        done = [job for job in jobs if job.status == JobStatus.SUCCEEDED]
        new = sum(job.result["facts"].get(kind, 0) for job in done for kind in ("inserted", "superseding"))
        self.console.print(f"{sum(job.result['turns'] for job in done):,} messages read, {new:,} new facts.")
        if len(done) < len(jobs):
            reasons = sorted({job.error for job in jobs if job.error})
            raise CommandError(f"{len(jobs) - len(done):,} of {len(jobs):,} jobs are not done: {' '.join(reasons)}")


def _described(there_is: Unread, *, by: str) -> str:
    tokens = there_is.characters // CHARACTERS_OF_A_TOKEN
    return (
        f"{there_is.messages:,} messages of {there_is.end_users:,} end users in {there_is.sessions:,} sessions"
        f" are unread: about {tokens:,} tokens, to be read by {by}."
    )
