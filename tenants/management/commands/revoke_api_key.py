"""`manage.py revoke_api_key`: a key that opens nothing any more."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants import keys
from tenants.models import ApiKey


class Command(BaseCommand):
    help = "Revoke an API key, by the prefix it is known by."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("prefix", help="as the admin shows it, mlk_… or memori_…")
        parser.add_argument("--tenant", help="slug, where tenants have keys of the same prefix")

    def handle(self, *args: Any, **options: Any) -> None:
        found = ApiKey.objects.usable().filter(prefix=options["prefix"])
        if options["tenant"]:
            found = found.filter(tenant__slug=options["tenant"])
        count = found.count()
        if count != 1:
            raise CommandError(f"{count} usable keys have this prefix; nothing was revoked.")
        keys.revoke(found)
        self.stdout.write("Revoked.")
