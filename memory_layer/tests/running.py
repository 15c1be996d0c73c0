"""A `manage.py up` of the test's own, as an operator would start it."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from queue import Queue

import psutil
from django.conf import settings

from memory_layer.management.commands.demo import free_port

PATIENCE_SECONDS = 120


class RunningStack:
    """Starts on a free port with data under `folder`; `lines` collects what it prints."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.data_dir = folder / "data"
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMORY_")}
        own = {"MEMORY_ENVIRONMENT": "local", "MEMORY_DATA_DIR": str(self.data_dir), "MEMORY_PORT": str(port)}
        self.lines: list[str] = []
        self._news: Queue[str | None] = Queue()
        self.process = subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "up"],
            env={**kept, **own, "DJANGO_SETTINGS_MODULE": "memory_layer.settings", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with self.process.stdout as out:
            for line in out:
                self.lines.append(line)
                self._news.put(line)
        self._news.put(None)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line yet unread that `pattern` is found in."""
        while (line := self._news.get(timeout=PATIENCE_SECONDS)) is not None:
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"{pattern!r} was not printed:\n{''.join(self.lines)}")

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, word: str) -> psutil.Process:
        """The direct child whose command has `word`."""
        own = psutil.Process(self.process.pid).children()
        return next(process for process in own if word in process.cmdline())

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)
