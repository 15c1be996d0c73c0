"""`manage.py rescore_importance`: the stored scores, brought up to date."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from memories import upkeep
from memories.management import inline
from memories.models import JobKind
from tenants.isolation import tenant_scope
from tenants.management import terminal
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Refresh the stored importance of messages, as beat does every hour."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", help="slug; without it, of all tenants")
        parser.add_argument("--dry-run", action="store_true", help="say how many have drifted, and refresh none")

    def handle(self, *args: Any, **options: Any) -> None:
        console = terminal.console_on(self.stdout)
        tenants = terminal.tenants_of(options["tenant"])
        if options["dry_run"]:
            console.print(f"Scores to refresh: {sum(map(_drifted, tenants)):,}.")
            return
        refreshed = 0
        for tenant in tenants:
            job = inline.work_off(inline.queue(tenant, JobKind.RESCORE), console, description=tenant.slug)
            refreshed += job.result.get("refreshed", 0)
        console.print(f"Scores refreshed: {refreshed:,}.")


def _drifted(tenant: Tenant) -> int:
    with tenant_scope(tenant):
        return upkeep.drifted(tenant, now=timezone.now()).count()
