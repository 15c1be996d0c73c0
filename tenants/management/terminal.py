"""What commands share: whose data, which file, and how progress is shown."""

from typing import TextIO, cast
from uuid import UUID

from django.core.management.base import CommandError, OutputWrapper
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tenants.isolation import tenant_scope
from tenants.models import EndUser, Tenant

WIDTH = 160


def tenant_of(slug: str) -> Tenant:
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f'There is no tenant "{slug}".')
    return tenant


def tenants_of(slug: str | None) -> list[Tenant]:
    """The one of this name; without a name, all."""
    return [tenant_of(slug)] if slug else list(Tenant.objects.order_by("slug"))


def end_user_of(tenant: Tenant, user_id: str) -> EndUser:
    """By our id or the client's."""
    with tenant_scope(tenant):
        end_user = EndUser.objects.known_as(tenant, [user_id]).select_related("tenant").first()
    if end_user is None:
        raise CommandError(f'There is no end user "{user_id}" in "{tenant.slug}".')
    return end_user


def console_on(stdout: OutputWrapper) -> Console:
    stdout.ending = ""  # rich ends its lines itself, and its progress bar must not be
    return Console(file=cast("TextIO", stdout), width=None if stdout.isatty() else WIDTH)


def progress_on(console: Console) -> Progress:
    """A bar on a terminal, nothing elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def missing(kind: str, ids: set[UUID]) -> CommandError:
    return CommandError(f"The tenant has no {kind} {', '.join(sorted(map(str, ids)))}.")
