"""`manage.py reindex_words`: the index that search by words reads, written for what is stored already."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from memories.management import inline
from memories.models import JobKind
from memories.search.reindexing import chosen
from tenants.isolation import tenant_scope
from tenants.management import terminal
from tenants.models import Tenant


class Command(BaseCommand):
    help = (
        "Index the words of messages that are not indexed; with --all of every message, as after a change of a tenant's"
        " language. May be stopped and run again, and run beside the service."
    )
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", help="slug; without it, of all tenants")
        parser.add_argument("--all", action="store_true", help="those too that are indexed already")
        parser.add_argument("--dry-run", action="store_true", help="say how many there are, and index none")

    def handle(self, *args: Any, **options: Any) -> None:
        console = terminal.console_on(self.stdout)
        counts = {one: _count(one, options) for one in terminal.tenants_of(options["tenant"])}
        total = sum(counts.values())
        console.print(f"Messages to index: {total:,}.")
        if not total or options["dry_run"]:
            return
        for tenant in (one for one, count in counts.items() if count):
            job = inline.queue(tenant, JobKind.REINDEX, with_indexed=options["all"])
            inline.work_off(job, console, description=tenant.slug)
        console.print("Done.")


def _count(tenant: Tenant, options: dict[str, Any]) -> int:
    with tenant_scope(tenant):
        return chosen(tenant, with_indexed=options["all"]).count()
