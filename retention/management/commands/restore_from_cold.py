"""`manage.py restore_from_cold`: messages of cold storage that are in the database again (docs/retention.md)."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from retention import cold
from retention.cold_files import CorruptColdFile
from retention.models import ColdFile
from tenants.isolation import tenant_scope
from tenants.management import terminal
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Bring messages back from cold storage. Files that have been restored before are passed over."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", type=UUID, nargs="*", metavar="FILE_ID", help="as cold_files shows them")
        parser.add_argument("--tenant", required=True, help="slug")
        parser.add_argument("--run", type=UUID, metavar="ID", help="all files of this retention run")
        parser.add_argument("--all", action="store_true", help="all files of the tenant")
        parser.add_argument("--dry-run", action="store_true", help="check the files and count, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if [bool(options["files"]), options["run"] is not None, options["all"]].count(True) != 1:
            raise CommandError("Give ids of files, --run or --all.")
        files = _chosen(terminal.tenant_of(options["tenant"]), options)
        console = terminal.console_on(self.stdout)
        bad = _each(files, console, dry_run=options["dry_run"])
        if bad:
            raise CommandError(f"{bad} of {len(files)} files cannot be restored; nothing of them was changed.")


def _chosen(tenant: Tenant, options: dict[str, Any]) -> list[ColdFile]:
    with tenant_scope(tenant):
        files = ColdFile.objects.filter(tenant=tenant).select_related("tenant").order_by("created_at", "pk")
        if options["files"]:
            files = files.filter(pk__in=options["files"])
        elif options["run"]:
            files = files.filter(run=options["run"])
        found = list(files)
    if unknown := set(options["files"]) - {file.pk for file in found}:
        raise terminal.missing("cold file", unknown)
    if options["run"] and not found:
        raise CommandError(f"The tenant has no cold files of the run {options['run']}.")
    return [file for file in found if file.restored_at is None]


def _each(files: list[ColdFile], console: Console, *, dry_run: bool) -> int:
    """Restore the files, each by itself, and say what came of it; return how many could not be."""
    bad = messages = skipped = 0
    with terminal.progress_on(console) as progress:
        for file in progress.track(files, description="Restoring"):
            try:
                done = _checked(file) if dry_run else cold.restore(file)
            except CorruptColdFile as error:
                bad += 1
                console.print(f"{file.pk}: {error}", markup=False, soft_wrap=True)
            else:
                messages, skipped = messages + done.messages, skipped + done.skipped
    would = "would be restored" if dry_run else "restored"
    console.print(f"{messages:,} messages {would} from {len(files) - bad} files, {skipped:,} skipped.")
    return bad


def _checked(file: ColdFile) -> cold.Restored:
    cold.check(file)
    return cold.Restored(messages=file.messages)
