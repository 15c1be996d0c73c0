"""`manage.py worker`: a Celery worker alone."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from memory_layer import stack
from memory_layer.management.part import PartCommand


class Command(PartCommand):
    help = "Work on queued embeddings, facts and maintenance."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queues", default=stack.QUEUES, help="comma-separated (default %(default)s)")
        parser.add_argument(
            "--concurrency", type=int, default=1, help="processes; each loads the local model (default 1)"
        )

    def command(self, options: dict[str, Any]) -> Sequence[str]:
        return stack.worker_command(queues=options["queues"], concurrency=options["concurrency"])
