"""`manage.py issue_api_key`: a new key of a tenant, shown once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants import keys
from tenants.authentication import DEFAULT_TENANT
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Issue an API key of a tenant and print it, this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", default=DEFAULT_TENANT, help="slug (default %(default)s)")
        parser.add_argument("--name", default="issued by command", help="what people will know it by")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f'There is no tenant "{options["tenant"]}".')
        self.stdout.write(keys.issue(tenant, name=options["name"])[1])
