"""`manage.py create_operator`: somebody who may use the admin, and no more than the job takes."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from memory_layer import operators
from tenants import audit


class Command(BaseCommand):
    help = "Create an account for the admin, in the group Operators, and print its password, this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what they log in with")
        parser.add_argument("--viewer", action="store_true", help="looks and changes nothing: in the group Viewers")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        group = operators.VIEWERS if options["viewer"] else operators.OPERATORS
        try:
            user, password = operators.create(options["name"], group=group)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        audit.record("operator.created", user, group=group)
        self.stdout.write(password)
