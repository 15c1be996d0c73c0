"""`manage.py index_vectors`: what searches of large tenants go through, now and not at the next beat."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from memories.search import vector_indexes
from memories.usage import sizes


class Command(BaseCommand):
    help = "Index the vectors of large tenants and count their common terms; drop what is not needed any more."
    requires_migrations_checks = True

    def handle(self, *args: Any, **options: Any) -> None:
        sizes.measure(now=timezone.now())
        count = 0
        for tenant in vector_indexes.keep():
            self.stdout.write(f"{tenant.slug}: indexed")
            count += 1
        self.stdout.write(f"Tenants of {vector_indexes.LARGE:,} messages and more: {count}.")
