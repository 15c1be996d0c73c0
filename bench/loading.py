"""Loads and what came of them: requests sent by the second process, or calls made in this one, in slices of a run.

A run is cut into slices. Loads that are compared take turns, slice by slice, so that what else the machine does meets
all of them; a ratio is that of two slices of one turn, and what is reported is the median over the turns.
"""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self, cast

from bench.progress import tell

TURNS = 5
Request = tuple[str, str, str, str]  # method, path, key, body


@dataclass(frozen=True)
class Slice:
    """`items` done in `seconds`, by requests that took so many `milliseconds` each; `cpu`: seconds of the loader's."""

    seconds: float
    milliseconds: Sequence[float]
    items: int
    errors: int = 0
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Items a second."""
        return self.items / self.seconds if self.seconds else 0.0


class Load(Protocol):
    """Something to be done again and again by so many clients."""

    @property
    def name(self) -> str: ...

    @property
    def clients(self) -> int: ...

    def run(self, seconds: float) -> Slice:
        """As often as possible within `seconds`."""


@dataclass(frozen=True)
class Http:
    """Requests to the server at `port`: the next of an iterator, at most `most` a second, or a list's in turn.

    What is not sent in one run is `left` for the next: it takes longer to make than to send.
    """

    name: str
    clients: int
    loader: "Loader"
    port: int
    requests: Iterator[Request] | Sequence[Request]
    per_request: int = 1
    most: int = 1000
    left: list[Request] = field(default_factory=list)

    def run(self, seconds: float) -> Slice:
        again = isinstance(self.requests, Sequence)
        if not again:
            missing = int(self.most * seconds) + self.clients - len(self.left)
            self.left.extend(itertools.islice(self.requests, max(missing, 0)))
        job = {
            "port": self.port,
            "clients": self.clients,
            "seconds": seconds,
            "again": again,
            "requests": list(self.requests) if again else self.left,
        }
        done = self.loader.ask(job)
        del self.left[: sum(done["outcomes"].values())]
        if done["failure"]:
            tell(f"{self.name}: {done['outcomes']}, such as {done['failure']}")
        taken = done["milliseconds"]
        errors = sum(count for status, count in done["outcomes"].items() if not status.startswith("2"))
        return Slice(done["seconds"], taken, len(taken) * self.per_request, errors, done["cpu"])


@dataclass(frozen=True)
class Calls:
    """`action`, called by so many threads of this process, each with what `opened` gives it and what is `prepared`.

    Preparing is not counted in: `seconds` are those of the actions.
    """

    name: str
    clients: int
    opened: Callable[[], Any]
    prepared: Callable[[], Any]
    action: Callable[[Any, Any], object]
    per_request: int = 1
    kept: list[Any] = field(default_factory=list)

    def run(self, seconds: float) -> Slice:
        while len(self.kept) < self.clients:
            self.kept.append(self.opened())
        deadline = time.perf_counter() + seconds
        with ThreadPoolExecutor(self.clients) as pool:
            taken = list(itertools.chain(*pool.map(lambda one: self._repeat(one, deadline), self.kept)))
        return Slice(sum(taken) / 1000 / self.clients, taken, len(taken) * self.per_request)

    def _repeat(self, with_what: Any, deadline: float) -> list[float]:
        taken: list[float] = []
        while not taken or time.perf_counter() < deadline:
            ready = self.prepared()
            began = time.perf_counter()
            self.action(with_what, ready)
            taken.append((time.perf_counter() - began) * 1000)
        return taken


class Loader:
    """The second process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "loader.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._tell, self._told = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        self._tell.write(json.dumps(job) + "\n")
        self._tell.flush()
        answer = self._told.readline()
        if not answer:
            raise SystemExit("The loader ended.")
        done: dict[str, Any] = json.loads(answer)
        return done

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait()


def in_turns(loads: Sequence[Load], *, seconds: float, turns: int = TURNS) -> dict[str, list[Slice]]:
    """Each load for `seconds` altogether, in `turns` slices, by name; first each is run a moment to warm up."""
    share = seconds / turns
    for load in loads:
        load.run(min(share, 0.5))
    found: dict[str, list[Slice]] = {load.name: [] for load in loads}
    for _ in range(turns):
        for load in loads:
            found[load.name].append(load.run(share))
    return found
