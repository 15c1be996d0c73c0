"""`manage.py rescore_importance`: the stored scores, brought up to date."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from memories.management import inline
from memories.models import JobKind
from tenants.management import terminal


class Command(BaseCommand):
    help = "Refresh the stored importance of messages, as beat does every hour."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", help="slug; without it, of all tenants")

    def handle(self, *args: Any, **options: Any) -> None:
        console = terminal.console_on(self.stdout)
        refreshed = 0
        for tenant in terminal.tenants_of(options["tenant"]):
            job = inline.work_off(inline.queue(tenant, JobKind.RESCORE), console, description=tenant.slug)
            refreshed += job.result.get("refreshed", 0)
        console.print(f"Scores refreshed: {refreshed:,}.")
