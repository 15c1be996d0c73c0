"""`manage.py verify_receipt`: whether a receipt of erasure is what this deployment signed."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retention.erasure import receipts

STANDARD_INPUT = "-"


class Command(BaseCommand):
    help = "Verify a receipt of erasure, as `erase --json` printed it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help=f"path, or {STANDARD_INPUT} for standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["file"]
        try:
            receipt = json.loads(sys.stdin.read() if name == STANDARD_INPUT else Path(name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CommandError(f"{name} cannot be read as JSON: {error}") from None
        if not isinstance(receipt, dict) or not receipts.verify(receipt):
            raise CommandError("This receipt was not signed here, or has been changed since.")
        self.stdout.write("The receipt is genuine.")
