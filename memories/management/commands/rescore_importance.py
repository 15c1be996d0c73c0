"""`manage.py rescore_importance`: the stored scores, brought up to date."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from memories import embedding


class Command(BaseCommand):
    help = "Refresh the stored importance of all messages, as beat does every hour."
    requires_migrations_checks = True

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Scores refreshed: {embedding.rescore(now=timezone.now()):,}.")
