"""`manage.py api`: the HTTP server alone."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from memory_layer import stack
from memory_layer.management.part import PartCommand


class Command(PartCommand):
    help = "Serve the API at MEMORY_HOST:MEMORY_PORT."
    tells_state = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workers", type=int, default=1, help="processes; each loads the local model (default 1)")
        default = stack.api_threads()
        parser.add_argument("--threads", type=int, default=default, help="of each (with this model %(default)s)")

    def command(self, options: dict[str, Any]) -> Sequence[str]:
        return stack.api_command(workers=options["workers"], threads=options["threads"])
