from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class MemoryLayerConfig(AppConfig):
    name = "memory_layer"

    def ready(self) -> None:
        from memory_layer import checks, error_reports  # noqa: F401 - checks registers itself
        from memory_layer.metrics import pool  # noqa: F401 - connects its receivers

        error_reports.start()
        post_migrate.connect(_set_up_groups)


def _set_up_groups(sender: AppConfig, **_: Any) -> None:
    from memory_layer import operators

    operators.set_up_groups(sender)
