"""`manage.py issue_api_key`: a new key of a tenant, of an end user or of the deployment, shown once."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from tenants import end_users, keys
from tenants.authentication import DEFAULT_TENANT
from tenants.isolation import tenant_scope
from tenants.models import EXTERNAL_ID_MAX, USER_KEY_IS_NO_ADMIN, Scope, Tenant, ordinary_scopes


class Command(BaseCommand):
    help = "Issue an API key and print it, this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", help=f"slug (default {DEFAULT_TENANT})")
        parser.add_argument("--user", help="id of an end user of the tenant: the key opens that user's data only")
        parser.add_argument("--deployment", action="store_true", help="the key is for all tenants")
        parser.add_argument("--name", default="issued by command", help="what people will know it by")
        parser.add_argument("--scopes", nargs="+", choices=Scope.values, default=ordinary_scopes())
        parser.add_argument("--days", type=float, help="how long it is good (default: until it is revoked)")

    def handle(self, *args: Any, **options: Any) -> None:
        _check(options)
        days = options["days"]
        expires_at = timezone.now() + timedelta(days=days) if days is not None else None
        wanted = {"name": options["name"], "scopes": options["scopes"], "expires_at": expires_at}
        if options["deployment"]:
            _, key = keys.issue(None, **wanted)
        else:
            key = _issued(_tenant(options["tenant"] or DEFAULT_TENANT), options["user"], wanted)
        self.stdout.write(key)


def _check(options: dict[str, Any]) -> None:
    user = options["user"]
    if options["deployment"] and (options["tenant"] or user is not None):
        raise CommandError("A key of the deployment is for all tenants: leave --tenant and --user out.")
    if user is not None and not (user.isprintable() and 1 <= len(user) <= EXTERNAL_ID_MAX):
        raise CommandError(f"--user takes 1 to {EXTERNAL_ID_MAX} printable characters.")
    if user is not None and Scope.ADMIN in options["scopes"]:
        raise CommandError(USER_KEY_IS_NO_ADMIN)


def _tenant(slug: str) -> Tenant:
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f'There is no tenant "{slug}"; make it: manage.py create_tenant.')
    return tenant


def _issued(tenant: Tenant, user_id: str | None, wanted: dict[str, Any]) -> str:
    with tenant_scope(tenant):
        end_user = end_users.found_or_made(tenant, [user_id])[user_id] if user_id else None
        return keys.issue(tenant, end_user=end_user, **wanted)[1]
