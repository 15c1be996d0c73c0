"""Several processes as one: merged logs, restarts, and an orderly end of all of them."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

from rich.console import Console
from rich.markup import escape
from rich.text import Text

COLOURS = ("cyan", "magenta", "green", "yellow")
GRACE_SECONDS = 20.0
QUICK_SECONDS = 10.0
QUICK_DEATHS_MAX = 3
PAUSE_MAX_SECONDS = 10.0
PR_SET_PDEATHSIG = 1  # of Linux
libc = ctypes.CDLL(None)


class ProcessFailedError(Exception):
    """A process that never came up."""


@dataclass
class Child:
    """One process and its recent fate. `has_stood`: it was up for a while, so that it can be."""

    name: str
    command: Sequence[str]
    colour: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_at: float = 0.0
    quick_deaths: int = 0
    has_stood: bool = False
    reader: threading.Thread | None = field(default=None, repr=False)


class Supervisor:
    """Runs named commands until `stop` is called, from a signal handler or another thread."""

    def __init__(self, commands: Mapping[str, Sequence[str]], *, environment: Mapping[str, str], out: IO[str]) -> None:
        self.children = [
            Child(name, command, COLOURS[index % len(COLOURS)])
            for index, (name, command) in enumerate(commands.items())
        ]
        self.environment = dict(environment)
        self.console = Console(file=out, highlight=False, soft_wrap=True)
        self._stopping = threading.Event()

    def start(self) -> None:
        for child in self.children:
            self._launch(child)

    def run(self) -> None:
        """Restart what dies, until `stop`; then end all. Raises ProcessFailedError for what never stood."""
        try:
            while not self._stopping.wait(0.2):
                for child in self.children:
                    if child.process and child.process.poll() is not None:
                        self._bury(child)
                    if child.process is None and time.monotonic() >= child.start_at:
                        self._launch(child)
        finally:
            self.end()

    def stop(self) -> None:
        self._stopping.set()

    def end(self) -> None:
        """SIGTERM to all at once, SIGKILL to what is still there after GRACE_SECONDS."""
        self._stopping.set()
        for child in self.children:
            if child.process:
                child.process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for child in self.children:
            self._reap(child, deadline)

    def _reap(self, child: Child, deadline: float) -> None:
        if child.process is None:
            return
        try:
            child.process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            self.say(f"{child.name} did not stop in {GRACE_SECONDS:.0f} s and is killed")
            _kill_session(child)
            child.process.wait()
        if child.reader:
            child.reader.join(1)

    def _launch(self, child: Child) -> None:
        # A session of its own: Ctrl-C reaches this process alone, which then ends the others in order.
        child.process = subprocess.Popen(
            child.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        child.started = time.monotonic()
        child.reader = threading.Thread(target=self._copy_lines, args=[child, child.process.stdout], daemon=True)
        child.reader.start()

    def _bury(self, child: Child) -> None:
        """Note that it died. What dies right after its start waits a while longer each time: a server may be away."""
        code = child.process.returncode if child.process else None
        was_quick = time.monotonic() - child.started < QUICK_SECONDS
        child.has_stood |= not was_quick
        child.quick_deaths = child.quick_deaths + 1 if was_quick else 0
        if child.quick_deaths >= QUICK_DEATHS_MAX and not child.has_stood:
            raise ProcessFailedError(
                f"{child.name} ended {QUICK_DEATHS_MAX} times right after its start (code {code})."
            )
        self.say(f"{child.name} ended (code {code}) and is started again")
        _kill_session(child)  # a worker that was killed may have left children at work
        child.process = None
        child.start_at = time.monotonic() + min(child.quick_deaths, PAUSE_MAX_SECONDS)

    def _copy_lines(self, child: Child, stream: IO[bytes]) -> None:
        width = max(len(each.name) for each in self.children)
        with stream:
            for line in stream:
                text = Text.from_ansi(line.decode(errors="replace").rstrip())
                self.console.print(Text(f"{child.name:<{width}} │ ", style=child.colour) + text)

    def say(self, message: str) -> None:
        self.console.print(f"[bold]{escape(message)}[/bold]")


def _kill_session(child: Child) -> None:
    """Kill the child with all that it started and that is still there."""
    if child.process:
        with suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)


def end_with_parent() -> None:
    """Between fork and exec: have this process told to end when its parent is killed. On Linux; else nothing."""
    if sys.platform == "linux":
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]
