"""What the commands of retention share: whose data, which file, and how progress is shown."""

from typing import TextIO, cast
from uuid import UUID

from django.core.management.base import CommandError, OutputWrapper
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tenants.models import Tenant

WIDTH = 160


def tenant_of(slug: str) -> Tenant:
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f'There is no tenant "{slug}".')
    return tenant


def console_on(stdout: OutputWrapper) -> Console:
    stdout.ending = ""  # rich ends its lines itself, and its progress bar must not be
    return Console(file=cast("TextIO", stdout), width=None if stdout.isatty() else WIDTH)


def progress_on(console: Console) -> Progress:
    """A bar on a terminal, nothing elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def missing(kind: str, ids: set[UUID]) -> CommandError:
    return CommandError(f"The tenant has no {kind} {', '.join(sorted(map(str, ids)))}.")
