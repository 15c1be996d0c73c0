"""`manage.py export_model`: what the first text would wait for, done beforehand."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from memories.providers import ProviderUnavailable
from memories.providers.sentence_transformer import export


class Command(BaseCommand):
    help = "Export the bundled model for ONNX Runtime, once (MEMORY_EMBEDDING_BACKEND); nothing where it is not used."
    requires_migrations_checks = False
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        folder = settings.MEMORY_DATA_DIR / "models"
        if settings.MEMORY_EMBEDDING_PROVIDER != "sentence_transformer" or settings.MEMORY_EMBEDDING_MODEL_NAME:
            return
        if not folder.exists():
            self.stdout.write("Preparing the model (once; some seconds)…")
        try:
            export(settings.MEMORY_EMBEDDING_BACKEND, folder)
        except ProviderUnavailable as error:
            self.stderr.write(f"The model will run on torch, slower: {error}.")
