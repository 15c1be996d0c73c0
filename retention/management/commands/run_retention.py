"""`manage.py run_retention`: plan and carry out, or only plan."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.table import Table

from memories.jobs.claims import LEASE
from memories.models import Job
from retention import runs
from retention.models import Action, Run
from tenants.isolation import tenant_scope
from tenants.management import terminal
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
        self.console = terminal.console_on(self.stdout)
        tenants = Tenant.objects.all() if options["all"] else Tenant.objects.filter(slug=options["tenant"])
        if not tenants:
            raise CommandError("There is no such tenant.")
        try:
            failed = [tenant.slug for tenant in tenants if not self._run(tenant, options)]
        except KeyboardInterrupt:
            raise CommandError(
                "Interrupted. The run is cancelled; its job can be tried again.", returncode=130
            ) from None
        if failed:
            raise CommandError(f"Failed for: {', '.join(failed)}. The others are done.")

    def _run(self, tenant: Tenant, options: dict[str, Any]) -> bool:
        """Whether it went well; one tenant's failure does not stop the others."""
        try:
            self._finish_interrupted(tenant)
            chosen = {"dry_run": options["dry_run"], "actions": options["actions"]}
            run = runs.begin(tenant, trigger=Run.Trigger.COMMAND, wait=LEASE, **chosen)
            self._execute(run)
        except runs.AlreadyRunning:
            self.console.print(f"{tenant.slug}: another process is at it; it goes on here when that one has ended.")
            return False
        except Exception as error:  # noqa: BLE001 - said here
            self.console.print(f"{tenant.slug}: {type(error).__name__}: {error}")
            return False
        self._report(run)
        return run.status == Run.Status.COMPLETED

    def _finish_interrupted(self, tenant: Tenant) -> None:
        with tenant_scope(tenant):
            interrupted = list(Run.objects.for_tenant(tenant).running().select_related("tenant"))
        for run in interrupted:
            self._execute(run)
            self._report(run)

    def _execute(self, run: Run) -> None:
        with terminal.progress_on(self.console) as bar:
            task = bar.add_task(run.tenant.slug, total=run.total)
            try:
                runs.execute(run, on_batch=lambda run: bar.update(task, completed=round(run.progress * run.total)))
            except KeyboardInterrupt:
                runs.cancel(run)
                raise
        if run.status != Run.Status.COMPLETED:
            with tenant_scope(run.tenant):
                reason = Job.objects.for_tenant(run.tenant).values_list("error", flat=True).get(pk=run.pk)
            self.console.print(f"{run.tenant.slug}: {run.status}. {reason}", markup=False)

    def _report(self, run: Run) -> None:
        table = Table("Action", "Reason", "Messages", "Bytes", title=f"{run.tenant.slug}: {run} ({run.status})")
        for one in run.planned:
            table.add_row(one["action"], one["reason"], f"{one['count']:,}", f"{one['bytes']:,}")
        self.console.print(table if run.planned else f"{run.tenant.slug}: nothing to do.")
        if run.planned and not run.dry_run:
            done = f"archived {run.archived:,}, deleted {run.deleted:,}, moved {run.moved:,}, skipped {run.skipped:,}"
            self.console.print(f"{run.tenant.slug}: {done}")
