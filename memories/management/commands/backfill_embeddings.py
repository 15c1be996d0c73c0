"""`manage.py backfill_embeddings`: vectors for what has none under the model that it is searched by."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from memories import reembedding
from memories.embedding_models import serving
from memories.management import inline
from tenants.isolation import tenant_scope
from tenants.management import terminal
from tenants.models import Tenant


class Command(BaseCommand):
    help = (
        "Embed the messages and facts that have no vector, those too that were given up. May be stopped and run again,"
        " and run beside the service."
    )
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="without it, of all tenants")
        parser.add_argument("--dry-run", action="store_true", help="say how many there are, and embed none")

    def handle(self, *args: Any, **options: Any) -> None:
        console = terminal.console_on(self.stdout)
        counts = {one: _left(one) for one in terminal.tenants_of(options["tenant"])}
        messages, facts = (sum(column) for column in zip((0, 0), *counts.values(), strict=True))
        console.print(f"Without a vector: {messages:,} messages and {facts:,} facts.")
        if not (messages or facts) or options["dry_run"]:
            return
        for tenant in (one for one, left in counts.items() if any(left)):
            job, model = reembedding.queue_backfill(tenant), serving(tenant)
            inline.work_off_beside_workers(job, console, model=model, description=tenant.slug)
        failed = sum(_left(one)[0] for one in counts)
        console.print("Done." if not failed else f"Done; {failed:,} messages failed, see Embeddings in the admin.")


def _left(tenant: Tenant) -> tuple[int, int]:
    with tenant_scope(tenant):
        return reembedding.left(tenant, serving(tenant))
