"""`manage.py load_test`: how a deployment bears many clients at once."""

import json
import os
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.table import Table

from memory_layer import stack
from memory_layer.load import Answer, Figures, Target, load
from tenants.management import terminal

OPERATIONS = ("store", "search")
ALL = "all"
REQUESTS_MAX, CONCURRENCY_MAX = 1_000_000, 1_000


class Command(BaseCommand):
    help = (
        "Store and search from many clients at once: success rate, average, p50, p95, p99, rate-limit hits. "
        "What it stores goes into a conversation of its own, which it deletes at the end."
    )
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--requests", type=_up_to(REQUESTS_MAX), default=1_000, help="default %(default)s")
        parser.add_argument("--concurrency", type=_up_to(CONCURRENCY_MAX), default=32, help="clients (default 32)")
        parser.add_argument("--api-key", default=os.environ.get("KEY"), help="default: the variable KEY")
        parser.add_argument("--base-url", default=stack.base_url(), help="default %(default)s")
        parser.add_argument("--tenant-id", help="whose data, with a key of the deployment")
        parser.add_argument(
            "--operation", choices=(*OPERATIONS, "mixed"), default="mixed", help="default: both in turn"
        )
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["api_key"]:
            raise CommandError("Name a key: --api-key, or the variable KEY.")
        console = terminal.console_on(self.stdout)
        target = Target(options["base_url"], api_key=options["api_key"], tenant=options["tenant_id"])
        operations = OPERATIONS if options["operation"] == "mixed" else (options["operation"],)
        started = time.perf_counter()
        with terminal.progress_on(console) as bar:
            task = bar.add_task("Asking", total=options["requests"])
            numbers = {name: options[name] for name in ("requests", "concurrency")}
            answers = load(target, operations, **numbers, on_answer=lambda _: bar.advance(task))
        seconds = time.perf_counter() - started
        figures = {name: Figures.of(found) for name, found in _by_operation(answers, operations).items()}
        console.print(_table(figures))
        console.print(f"{len(answers)} requests in {seconds:,.1f} s: {len(answers) / seconds:,.1f} a second.")
        if "store" in operations and not target.clean_up():
            console.print(f"The conversation {target.conversation} could not be deleted: delete it yourself.")
        if options["json"]:
            told = {"seconds": seconds, "operations": {name: asdict(one) for name, one in figures.items()}}
            options["json"].write_text(json.dumps(told, indent=2))
        if not any(one.is_success for one in answers):
            raise CommandError("No request succeeded.")


def _up_to(most: int) -> Any:
    def number(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise ArgumentTypeError(f"expected a number from 1 to {most}, not {text!r}")
        return int(text)

    return number


def _by_operation(answers: Sequence[Answer], operations: Sequence[str]) -> dict[str, list[Answer]]:
    found = {name: [one for one in answers if one.operation == name] for name in operations}
    return found if len(operations) == 1 else {ALL: list(answers), **found}


def _table(figures: dict[str, Figures]) -> Table:
    headers = ("", "requests", "success", "average", "p50", "p95", "p99", "rate-limit hits", "answers")
    table = Table(*headers, title="Milliseconds of what succeeded")
    for name, one in figures.items():
        times = [_milliseconds(value) for value in (one.average, one.p50, one.p95, one.p99)]
        outcomes = ", ".join(f"{outcome}: {number}" for outcome, number in one.outcomes.items())
        table.add_row(name, str(one.requests), f"{one.success_rate:.1%}", *times, str(one.rate_limited), outcomes)
    return table


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"
