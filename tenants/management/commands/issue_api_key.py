"""`manage.py issue_api_key`: a new key of a tenant, shown once."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from tenants import keys
from tenants.authentication import DEFAULT_TENANT
from tenants.models import Scope, Tenant, ordinary_scopes


class Command(BaseCommand):
    help = "Issue an API key of a tenant and print it, this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", default=DEFAULT_TENANT, help="slug (default %(default)s)")
        parser.add_argument("--name", default="issued by command", help="what people will know it by")
        parser.add_argument("--scopes", nargs="+", choices=Scope.values, default=ordinary_scopes())
        parser.add_argument("--days", type=float, help="how long it is good (default: until it is revoked)")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f'There is no tenant "{options["tenant"]}"; make it: manage.py create_tenant.')
        days = options["days"]
        expires_at = timezone.now() + timedelta(days=days) if days is not None else None
        _, key = keys.issue(tenant, name=options["name"], scopes=options["scopes"], expires_at=expires_at)
        self.stdout.write(key)
