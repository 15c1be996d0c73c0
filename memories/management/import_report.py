"""What `import_messages` shows: how far it is, and what came of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from memories.imports import Record

LINE_EVERY_SECONDS = 5.0
REFUSED_SHOWN = 20


@dataclass
class Tally:
    """Counts of messages; `standing` were there already."""

    read: int = 0
    stored: int = 0
    standing: int = 0
    refused: int = 0
    first_refused: list[Record] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def add(self, records: Sequence[Record], *, stored: int) -> None:
        refused = [record for record in records if record.message is None]
        self.read += len(records)
        self.stored += stored
        self.standing += len(records) - len(refused) - stored
        self.refused += len(refused)
        self.first_refused += refused[: REFUSED_SHOWN - len(self.first_refused)]

    @property
    def counts(self) -> dict[str, int]:
        names = ("read", "stored", "standing", "refused")
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        return f"{self.read:,} read, {self.stored:,} stored, {self.standing:,} already there, {self.refused:,} refused"


class Meter:
    """A progress bar on a terminal, elsewhere a plain line every LINE_EVERY_SECONDS; to be used as a context."""

    def __init__(self, console: Console, *, total: int | None) -> None:
        self.console, self.total = console, total
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self.task = self.bar.add_task("Reading", total=total)
        self.line_due = time.monotonic() + LINE_EVERY_SECONDS

    def __enter__(self) -> "Meter":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def show(self, tally: Tally, *, end: int) -> None:
        """`end` is how much of `total` has been read."""
        self.bar.update(self.task, completed=end, description=str(tally))
        if not self.console.is_terminal and time.monotonic() >= self.line_due:
            self.line_due = time.monotonic() + LINE_EVERY_SECONDS
            self.console.print(f"{tally} ({end / self.total:.0%})" if self.total else str(tally))


def print_result(console: Console, tally: Tally, *, dry_run: bool) -> None:
    seconds = max(time.monotonic() - tally.began, 0.001)
    counts = Table(
        "Read", "Would be stored" if dry_run else "Stored", "Already there", "Refused", "Seconds", "Messages/s"
    )
    numbers = (tally.read, tally.stored, tally.standing, tally.refused)
    counts.add_row(*(f"{number:,}" for number in numbers), f"{seconds:.1f}", f"{tally.read / seconds:,.0f}")
    console.print(counts)
    if tally.refused:
        console.print(_refusals(tally))


def _refusals(tally: Tally) -> Table:
    shown = len(tally.first_refused)
    title = "Refused" if shown == tally.refused else f"The first {shown} of {tally.refused:,} refused"
    table = Table("Where", "Code", "Field", "Why", title=title, title_justify="left")
    for record in tally.first_refused:
        for one in record.complaints:
            table.add_row(*map(escape, (str(record.position), one.code, one.attr or "", one.detail)))
    return table
