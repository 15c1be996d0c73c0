"""`manage.py consolidate_facts`: duplicates merged, essentials chosen, profiles written, as beat does every week."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from memories.embedding_models import provider_for
from memories.facts import consolidation
from memories.facts.reading import reader
from memories.facts.working import work_off
from memories.models import Job, JobStatus
from tenants.isolation import tenant_scope
from tenants.management import terminal


class Command(BaseCommand):
    help = "Merge facts that say the same, choose the essential ones, and write the profiles of a tenant's end users."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="slug")
        parser.add_argument("--user", help="only this end user: our id, or the client's")

    def handle(self, *args: Any, **options: Any) -> None:
        console = terminal.console_on(self.stdout)
        tenant = terminal.tenant_of(options["tenant"])
        end_user = terminal.end_user_of(tenant, options["user"]) if options["user"] else None
        queued = consolidation.queue_all(tenant, end_user=end_user)
        with terminal.progress_on(console) as bar:
            for job_id in bar.track(queued, description="End users"):
                work_off(reader=reader(), provider_for=provider_for, only=[job_id])
        with tenant_scope(tenant):
            jobs = list(Job.objects.for_tenant(tenant).filter(pk__in=queued))
        done = [job for job in jobs if job.status == JobStatus.SUCCEEDED]
        merged = sum(job.result["merged"] for job in done)
        console.print(f"{len(done):,} of {len(jobs):,} end users consolidated, {merged:,} duplicates merged.")
        if reasons := sorted({job.error for job in jobs if job.error}):
            raise CommandError(" ".join(reasons))
