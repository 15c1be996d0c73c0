"""A `manage.py up` in a folder of its own, as an operator would start it: for demo, benchmarks and tests."""

import os
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType
from typing import Self

import psutil
from django.conf import settings

from memory_layer.supervisor import python

PATIENCE_SECONDS = 180.0
NO_LIMITS = {f"MEMORY_{name}_RATE_LIMIT": "0" for name in ("GLOBAL", "TENANT", "USER_KEY", "LOGIN")}


class StackFailedError(Exception):
    """The stack ended, or did not say in time what was waited for; the message holds its last lines."""


class RunningStack:
    """Runs on a free port with its data under `folder`, and ends with the `with` block.

    Nothing of a real deployment is touched: of the caller's MEMORY_* variables only those of embedding are passed on.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        self.data_dir = folder / "data"
        port = variables.setdefault("MEMORY_PORT", str(free_port()))
        self.url = f"http://127.0.0.1:{port}"
        self.lines: list[str] = []
        self._news: Queue[str | None] = Queue()
        self.process = subprocess.Popen(
            python(str(settings.BASE_DIR / "manage.py"), "up"),
            env=self._environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _environment(self, variables: dict[str, str]) -> dict[str, str]:
        passed = {name: value for name, value in os.environ.items() if "MEMORY_" not in name or "EMBEDDING" in name}
        own = {"MEMORY_ENVIRONMENT": "local", "MEMORY_DATA_DIR": str(self.data_dir), "MEMORY_HOST": "127.0.0.1"}
        return {**passed, **own, **NO_LIMITS, "DJANGO_SETTINGS_MODULE": "memory_layer.settings", **variables}

    def _read(self) -> None:
        if self.process.stdout:
            with self.process.stdout as out:
                for line in out:
                    self.lines.append(line)
                    self._news.put(line)
        self._news.put(None)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line yet unread that `pattern` is found in. Raises StackFailedError."""
        try:
            while (line := self._news.get(timeout=PATIENCE_SECONDS)) is not None:
                if match := re.search(pattern, line):
                    return match
        except Empty:
            pass
        raise StackFailedError(f"{pattern!r} was not printed:\n{''.join(self.lines[-60:])}")

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, word: str) -> psutil.Process:
        """The direct child whose command has `word`."""
        own = psutil.Process(self.process.pid).children()
        return next(process for process in own if word in process.cmdline())

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
