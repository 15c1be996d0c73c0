from django.apps import AppConfig


class MemoryLayerConfig(AppConfig):
    name = "memory_layer"

    def ready(self) -> None:
        from memory_layer import checks  # noqa: F401 - registers them
