"""`manage.py create_tenant`: a tenant, and with it a first key."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from tenants import founding, keys
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Create a tenant with a first API key and print the key, this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the tenant_id of the API")
        parser.add_argument("--name", default="", help="what people call it")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant(slug=options["slug"], name=options["name"])
        try:
            founding.found(tenant)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(keys.issue(tenant, name="first key")[1])
