"""`manage.py run_retention`: plan and carry out, or only plan."""

from argparse import ArgumentParser
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from retention import runs
from retention.models import Action, Run
from tenants.isolation import tenant_scope
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Run retention now, for one tenant or all. A run that was interrupted is finished first."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--tenant", help="slug")
        whose.add_argument("--all", action="store_true", help="every tenant")
        parser.add_argument("--actions", nargs="+", choices=Action.values, default=Action.values)
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument("--dry-run", dest="dry_run", action="store_true", default=None, help="plan only")
        mode.add_argument("--enforce", dest="dry_run", action="store_false", help="whatever the policy's mode is")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.ending = ""  # rich ends its lines itself
        self.console = Console(file=cast("TextIO", self.stdout), width=None if self.stdout.isatty() else 140)
        tenants = Tenant.objects.all() if options["all"] else Tenant.objects.filter(slug=options["tenant"])
        if not tenants:
            raise CommandError("There is no such tenant.")
        failed = [tenant.slug for tenant in tenants if not self._run(tenant, options)]
        if failed:
            raise CommandError(f"Failed for: {', '.join(failed)}. The others are done.")

    def _run(self, tenant: Tenant, options: dict[str, Any]) -> bool:
        """Whether it went well; one tenant's failure does not stop the others."""
        try:
            self._finish_interrupted(tenant)
            chosen = {"dry_run": options["dry_run"], "actions": options["actions"]}
            run = runs.begin(tenant, trigger=Run.Trigger.COMMAND, **chosen)
            self._execute(run)
        except runs.AlreadyRunning:
            self.console.print(
                f"{tenant.slug}: another process is at it; it goes on here a minute after that one ends."
            )
            return False
        except Exception as error:  # noqa: BLE001 - said here, and by the run's row
            self.console.print(f"{tenant.slug}: {type(error).__name__}: {error}")
            return False
        self._report(run)
        return True

    def _finish_interrupted(self, tenant: Tenant) -> None:
        with tenant_scope(tenant):
            interrupted = list(Run.objects.for_tenant(tenant).abandoned().select_related("tenant"))
        for run in interrupted:
            self._execute(run)
            self._report(run)

    def _execute(self, run: Run) -> None:
        columns = TextColumn(run.tenant.slug), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        with Progress(*columns, console=self.console) as bar:
            task = bar.add_task("", total=run.total)
            runs.execute(run, on_batch=lambda run: bar.update(task, completed=round(run.progress * run.total)))

    def _report(self, run: Run) -> None:
        table = Table("Action", "Reason", "Messages", "Bytes", title=f"{run.tenant.slug}: {run} ({run.status})")
        for one in run.planned:
            table.add_row(one["action"], one["reason"], f"{one['count']:,}", f"{one['bytes']:,}")
        self.console.print(table if run.planned else f"{run.tenant.slug}: nothing to do.")
        if run.planned and not run.dry_run:
            done = f"archived {run.archived:,}, deleted {run.deleted:,}, moved {run.moved:,}, skipped {run.skipped:,}"
            self.console.print(f"{run.tenant.slug}: {done}")
