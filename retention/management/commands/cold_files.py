"""`manage.py cold_files`: what lies in cold storage, and whether it is sound (docs/retention.md)."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from retention import cold
from retention.cold_files import CorruptColdFile
from retention.models import ColdFile
from tenants.isolation import tenant_scope
from tenants.management import terminal


class Command(BaseCommand):
    help = "List a tenant's files in cold storage; --verify reads them all and fails if one is not what was written."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="slug")
        parser.add_argument("--verify", action="store_true", help="check the sums of each file and its manifest")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = terminal.tenant_of(options["tenant"])
        with tenant_scope(tenant):
            files = list(ColdFile.objects.filter(tenant=tenant).select_related("tenant").order_by("created_at", "pk"))
        console = terminal.console_on(self.stdout)
        found = _complaints(files, console) if options["verify"] else {}
        console.print(_table(files, found if options["verify"] else None))
        for complaint in found.values():
            console.print(complaint, markup=False, soft_wrap=True)
        if found:
            raise CommandError(f"{len(found)} of {len(files)} files are not what was written.")


def _complaints(files: list[ColdFile], console: Console) -> dict[object, str]:
    """What is wrong, by the file's id."""
    found: dict[object, str] = {}
    with terminal.progress_on(console) as progress:
        for file in progress.track(files, description="Verifying"):
            try:
                cold.check(file)
            except CorruptColdFile as error:
                found[file.pk] = str(error)
    return found


def _table(files: list[ColdFile], complaints: dict[object, str] | None) -> Table:
    headings = (Column("Id", min_width=36), "Messages", "Oldest", "Newest", "Bytes", "Moved", "Restored")
    table = Table(*headings, *(["Sound"] if complaints is not None else []))
    for file in files:
        times = (file.oldest, file.newest, file.created_at, file.restored_at)
        oldest, newest, moved, restored = (f"{time:%Y-%m-%d %H:%M}" if time else "" for time in times)
        cells = [str(file.pk), f"{file.messages:,}", oldest, newest, f"{file.bytes:,}", moved, restored]
        if complaints is not None:
            cells.append("no" if file.pk in complaints else "yes")
        table.add_row(*map(escape, cells))
    return table
