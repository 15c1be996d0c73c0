"""`manage.py reindex_words`: the index that search by words reads, written for what is stored already."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import QuerySet

from memories.models import Message
from memories.search.reindexing import reindex, unindexed
from tenants.isolation import across_tenants
from tenants.management import terminal


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
        chosen = _chosen(options["tenant"], with_indexed=options["all"])
        with across_tenants():
            total = chosen.count()
        console.print(f"Messages to index: {total:,}.")
        if total and not options["dry_run"]:
            with terminal.progress_on(console) as bar:
                task = bar.add_task("Messages", total=total)
                for done in reindex(chosen):
                    bar.advance(task, done)
            console.print("Done.")


def _chosen(slug: str | None, *, with_indexed: bool) -> QuerySet[Message]:
    messages = Message.objects.for_tenant(terminal.tenant_of(slug)) if slug else Message.objects.all()
    return messages if with_indexed else unindexed(messages)
