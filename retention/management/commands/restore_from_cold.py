"""`manage.py restore_from_cold`: messages of cold storage that are in the database again (docs/retention.md)."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from memories.management import inline
from memories.models import JobKind
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
        if not options["dry_run"]:
            _restore(files, console)
        bad = [file for file in files if file.restored_at is None and not _is_sound(file, console)]
        if options["dry_run"]:
            there = sum(file.messages for file in files if file not in bad)
            console.print(f"{there:,} messages would be restored from {len(files) - len(bad)} files, 0 skipped.")
        if bad:
            raise CommandError(f"{len(bad)} of {len(files)} files cannot be restored; nothing of them was changed.")


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


def _restore(files: list[ColdFile], console: Console) -> None:
    """Restore the files, each by itself, and say how many messages came of it."""
    counts = {"restored": 0, "skipped": 0, "unreadable": 0}
    if files:
        job = inline.queue(files[0].tenant, JobKind.RESTORE_COLD, files=[str(file.pk) for file in files])
        counts |= inline.work_off(job, console, description="Restoring").result
        with tenant_scope(files[0].tenant):
            for file in files:
                file.refresh_from_db(fields=["restored_at"])
    sound = len(files) - counts["unreadable"]
    console.print(f"{counts['restored']:,} messages restored from {sound} files, {counts['skipped']:,} skipped.")


def _is_sound(file: ColdFile, console: Console) -> bool:
    try:
        cold.check(file)
    except CorruptColdFile as error:
        console.print(f"{file.pk}: {error}", markup=False, soft_wrap=True)
        return False
    return True
