"""`manage.py demo`: a sample conversation through a stack of its own, from storing to answers."""

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, cast

import requests
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from memory_layer.running import RunningStack, StackFailedError

SAMPLES = settings.BASE_DIR / "docs" / "samples"
KEY = "demo-key"
STORE_AT_ONCE = 20
SHOWN = 3
PATIENCE_SECONDS = 300.0


class Command(BaseCommand):
    help = "Send a sample conversation to a stack of its own, search it, show the answers, leave nothing behind."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.ending = ""  # the console ends its own lines
        console = Console(file=cast("IO[str]", self.stdout), width=None if self.stdout.isatty() else 140)
        turns = [json.loads(line) for line in (SAMPLES / "conversation.jsonl").read_text().splitlines()]
        questions = json.loads((SAMPLES / "questions.json").read_text())
        console.print("Starting a stack of its own…")
        with tempfile.TemporaryDirectory(prefix="memory-demo-") as folder, own_stack(Path(folder)) as stack:
            demo = Demo(stack.url, console)
            demo.store(turns)
            demo.wait_until_searchable(len(turns))
            found = demo.ask(questions, {turn["external_id"]: turn for turn in turns})
        console.print(f"{found} of {len(questions)} expected turns were among the first {SHOWN}.")


def own_stack(folder: Path) -> RunningStack:
    stack = RunningStack(folder, MEMORY_API_KEYS=KEY)
    try:
        stack.wait_for("Memory Layer is up")
    except StackFailedError as error:
        stack.stop()
        raise CommandError(f"The stack did not start: {error}") from error
    return stack


class Demo:
    """A client of the API, as any application would be."""

    def __init__(self, base_url: str, console: Console) -> None:
        self.base_url, self.console = base_url, console
        self.session = requests.Session()
        self.session.headers["X-API-Key"] = KEY

    def store(self, turns: Sequence[dict[str, Any]]) -> None:
        with progress(self.console) as bar:
            task = bar.add_task("Storing", total=len(turns))
            for start in range(0, len(turns), STORE_AT_ONCE):
                part = turns[start : start + STORE_AT_ONCE]
                self._call("POST", "/v1/messages/batch", json={"messages": part})
                bar.advance(task, len(part))

    def wait_until_searchable(self, total: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        with progress(self.console) as bar:
            task = bar.add_task("Embedding", total=total)
            while (done := self._count_embedded()) < total:
                bar.update(task, completed=done)
                if time.monotonic() > deadline:
                    raise CommandError(f"Only {done} of {total} messages were embedded in {PATIENCE_SECONDS:.0f} s.")
                time.sleep(0.25)
            bar.update(task, completed=total)

    def _count_embedded(self) -> int:
        count, cursor = 0, None
        while True:
            query = {"embedding_status": "completed", "limit": 200} | ({"cursor": cursor} if cursor else {})
            page = self._call("GET", "/v1/messages", params=query)
            count += len(page["items"])
            cursor = page["next_cursor"]
            if cursor is None:
                return count

    def ask(self, questions: Sequence[dict[str, str]], turns: dict[str, dict[str, Any]]) -> int:
        """Print the best answers to each question; return for how many the expected turn was among them."""
        table = Table(Column("Question", ratio=2), "Score", Column("Answer", ratio=3, no_wrap=True), "", expand=True)
        found = 0
        for question in questions:
            expected = turns[question["expect"]]["content"]
            answer = self._call("GET", "/v1/memory/search", params={"query": question["query"], "top_k": SHOWN})
            hits = answer["items"]
            found += any(hit["content"] == expected for hit in hits)
            table.add_section()
            for hit, title in zip(hits, [question["query"], *[""] * len(hits)], strict=False):
                table.add_row(title, *cells(hit, expected))
        self.console.print(table)
        return found

    def _call(self, method: str, path: str, **options: Any) -> Any:
        response = self.session.request(method, self.base_url + path, timeout=60, **options)
        if response.status_code >= 300 or response.status_code == 207:
            raise CommandError(f"{method} {path} answered {response.status_code}: {response.text[:500]}")
        return response.json()


def cells(hit: dict[str, Any], expected: str) -> tuple[str, str, str]:
    """Score, role and text, and a mark at the expected turn."""
    mark = "✓" if hit["content"] == expected else ""
    return f"{hit['score']:.2f}", escape(f"{hit['role']}: {' '.join(hit['content'].split())}"), mark


def progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
