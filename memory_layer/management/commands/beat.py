"""`manage.py beat`: the scheduler alone."""

from collections.abc import Sequence
from typing import Any

from memory_layer import stack
from memory_layer.management.part import PartCommand


class Command(PartCommand):
    help = "Start periodic tasks when they are due. Run one of it."

    def command(self, options: dict[str, Any]) -> Sequence[str]:
        return stack.beat_command()
