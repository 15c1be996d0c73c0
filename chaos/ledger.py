"""What clients sent and were answered, line by line in a file: a load process that is killed loses nothing of it.

A request is written down before it is sent and after it is answered, each time that it is tried. From that follows what
the database must hold: `expected`.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Self

NO_ANSWER, NOT_CONNECTED = "no answer", "not connected"
STORES = ("store", "batch", "ingest")
CHANGES = ("update", "delete")
WRITES = (*STORES, *CHANGES)


@dataclass(frozen=True)
class Item:
    """A message as its client knows it: `mark` is a word that no other text has."""

    mark: str
    content: str


@dataclass(frozen=True)
class Request:
    """`is_repeatable`: it carries what has the service do it once, so that its client repeats it until it is answered.

    `message`: the mark that an update or a delete is about.
    """

    name: str
    operation: str
    tenant: str
    items: tuple[Item, ...] = ()
    message: str | None = None
    is_repeatable: bool = True


@dataclass(frozen=True)
class Answer:
    """To one try of a request; `at`: the time of its end, in seconds.

    `outcome`: the status as text; NO_ANSWER where a connection broke, NOT_CONNECTED where there was none.
    """

    request: str
    operation: str
    outcome: str
    at: float
    seconds: float
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def is_success(self) -> bool:
        return self.outcome.startswith("2")

    @property
    def is_open(self) -> bool:
        """Whether its client cannot know what became of the request."""
        return self.outcome == NO_ANSWER or self.outcome.startswith("5")

    @property
    def is_worth_a_repeat(self) -> bool:
        return self.is_open or self.outcome in (NOT_CONNECTED, "429")


class Ledger:
    """Appends, from many threads, one write a line; a context manager."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def sent(self, request: Request) -> None:
        items = [[item.mark, item.content] for item in request.items]
        self._write("sent", {**vars(request), "items": items})

    def answered(self, answer: Answer) -> None:
        self._write("answered", vars(answer))

    def _write(self, kind: str, what: dict[str, Any]) -> None:
        with self._lock:
            self._file.write(json.dumps([kind, what]) + "\n")


class Presence(Enum):
    THERE = "there"
    GONE = "gone"
    OPEN = "open"  # its client was never told: there once, or not at all


@dataclass
class Expected:
    """What the database must hold of a message: one of `contents`, newest last."""

    tenant: str
    presence: Presence
    contents: list[Item]
    id: str | None = None
    is_turn: bool = False  # to be read for facts

    @property
    def mark(self) -> str:
        return self.contents[-1].mark


@dataclass
class Told:
    """All that a ledger says."""

    requests: dict[str, Request]
    answers: list[Answer]

    @classmethod
    def by(cls, path: Path) -> "Told":
        requests: dict[str, Request] = {}
        answers = []
        for kind, what in _lines(path):
            if kind == "sent":
                items = tuple(Item(*item) for item in what.pop("items"))
                requests[what["name"]] = Request(**what, items=items)
            else:
                answers.append(Answer(**what))
        return cls(requests, answers)

    def expected(self) -> dict[str, Expected]:
        """By the mark of what was first stored."""
        tries: dict[str, list[Answer]] = {name: [] for name in self.requests}
        for answer in self.answers:
            if answer.request in tries:
                tries[answer.request].append(answer)
        found: dict[str, Expected] = {}
        for name, request in self.requests.items():
            if request.operation in STORES:
                found |= _stored(request, tries[name])
            elif request.message is not None:
                _changed(found[request.message], request, tries[name])
        return found

    def accepted(self) -> int:
        """Writes that were accepted, a message of a batch being one."""
        succeeded = {answer.request for answer in self.answers if answer.is_success}
        accepted = [self.requests[name] for name in succeeded if name in self.requests]
        return sum(max(1, len(request.items)) for request in accepted)


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Whole lines alone: the last one of a process that was killed may be cut."""
    with path.open() as lines:
        for line in lines:
            if line.endswith("\n"):
                kind, what = json.loads(line)
                yield kind, what


def became(tries: Sequence[Answer]) -> Presence:
    """Of what a request asked for: THERE if it was done, GONE if it was refused."""
    if any(answer.is_success for answer in tries):
        return Presence.THERE
    return Presence.OPEN if not tries or any(answer.is_open for answer in tries) else Presence.GONE


def _stored(request: Request, tries: Sequence[Answer]) -> Iterable[tuple[str, Expected]]:
    presence = became(tries)
    ids = next((answer.ids for answer in tries if answer.is_success), {})
    is_turn = request.operation == "ingest"
    return [
        (item.mark, Expected(request.tenant, presence, [item], ids.get(item.mark), is_turn)) for item in request.items
    ]


def _changed(message: Expected, request: Request, tries: Sequence[Answer]) -> None:
    done = became(tries)
    if request.operation == "delete":
        was_gone = any(answer.outcome == "404" for answer in tries[1:])  # by a try that was not answered
        if done is Presence.THERE or was_gone:
            message.presence = Presence.GONE
        elif done is Presence.OPEN:
            message.presence = Presence.OPEN
    elif done is Presence.THERE:
        message.contents = list(request.items)
    elif done is Presence.OPEN:
        message.contents += request.items
