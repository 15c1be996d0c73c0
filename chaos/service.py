"""The service under test: `manage.py up` in a folder of its own, its processes and servers, and its starting again."""

import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
import requests

from chaos.load import KEY
from memory_layer.embedded_servers import Postgres, Redis
from memory_layer.running import RunningStack, StackFailedError

CLOCK = Path(__file__).parent / "clock"
PATIENCE_SECONDS, START_AGAIN_SECONDS = 90.0, 2.0


class NotWholeError(Exception):
    """The service did not come back."""


class Service:
    """`folder` holds its data; `variables` are its settings beside those of a test of load."""

    def __init__(self, folder: Path, *, port: int, **variables: str) -> None:
        self.folder = folder
        self.clock = folder / "clock"
        self.clock.mkdir(parents=True, exist_ok=True)
        own = {"MEMORY_PORT": str(port), "MEMORY_API_KEYS": KEY, "MEMORY_EXTRACTION_DEBOUNCE_SECONDS": "1"}
        skew = {"PYTHONPATH": str(CLOCK), "CHAOS_CLOCK": str(self.clock)}
        self.variables = {**own, **skew, **variables}
        self.data_dir = folder / "data"
        self.url = f"http://127.0.0.1:{port}"
        self.postgres, self.redis = Postgres(self.data_dir), Redis(self.data_dir)
        self.lines: list[str] = []
        self.starts = 0
        self.running = self._started()

    def _started(self) -> RunningStack:
        """As a process manager would: what ends at once (its port is taken, its disk full) is started again."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            self.starts += 1
            running = RunningStack(self.folder, **self.variables)
            try:
                running.wait_for("Memory Layer is up")
            except StackFailedError:
                self.lines += running.lines
                running.stop()
                if time.monotonic() > end:
                    raise
                time.sleep(START_AGAIN_SECONDS)
            else:
                return running

    def start_again(self) -> None:
        """After `up` ended, by whatever."""
        self.lines += self.running.lines
        self.running.process.wait(PATIENCE_SECONDS)
        self.running = self._started()

    def stop(self) -> None:
        """End it, and its servers whoever is left to use them; nothing of it stays."""
        left = self.running.children() if self.running.process.poll() is None else []
        with suppress(subprocess.TimeoutExpired):
            self.running.stop()
        self.lines += self.running.lines
        for process in (one for one in left if one.is_running()):
            process.kill()
        self.redis.stop()
        self.postgres.stop()

    # --- Processes --------------------------------------------------------------------------------------------------

    def parent(self, word: str) -> psutil.Process:
        """The part whose command has `word`, as `up` started it. Waits until it is there."""
        return self._soon(lambda: self.running.child(word), f"no process of {word!r}")

    def child(self, word: str) -> psutil.Process:
        """The process that does the work of that part."""
        return self._soon(lambda: _working(self.parent(word)), f"no child of {word!r}")

    def postmaster(self) -> psutil.Process:
        def found() -> psutil.Process:
            processes = self.postgres.processes()
            return next(psutil.Process(pid) for pid, parent in processes.items() if parent not in processes)

        return self._soon(found, "no PostgreSQL")

    def _soon(self, found: Callable[[], psutil.Process], otherwise: str) -> psutil.Process:
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return found()
            except (StopIteration, psutil.Error):
                if time.monotonic() > end:
                    raise NotWholeError(otherwise) from None
                time.sleep(0.1)

    # --- Its servers ------------------------------------------------------------------------------------------------

    def rows(self, statement: str, arguments: Sequence[Any] = ()) -> list[Any]:
        """What the database holds, seen by its superuser."""
        where = self.postgres.as_superuser
        names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname"}
        with psycopg.connect(**{names[name]: value for name, value in where.items()}) as connection:  # type: ignore[arg-type]
            return connection.execute(statement, arguments).fetchall()

    def broker(self) -> "redis.Redis":
        return redis.Redis.from_url(self.redis.url, socket_timeout=2)

    # --- As a client sees it ----------------------------------------------------------------------------------------

    def answers(self) -> bool:
        """Whether it stores and searches."""
        session, about = requests.Session(), {"tenant_id": "probe"}
        session.headers["X-API-Key"] = KEY
        message = about | {"conversation_id": "probe", "role": "user", "content": "Is anybody there?"}
        try:
            stored = session.post(f"{self.url}/v1/messages", json=message, timeout=10)
            found = session.get(f"{self.url}/v1/memory/search", params=about | {"query": "anybody"}, timeout=10)
        except requests.RequestException:
            return False
        return stored.ok and found.ok

    def wait_until_it_answers(self) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.answers():
            if time.monotonic() > end or self.running.process.poll() is not None:
                raise NotWholeError("".join(self.running.lines[-40:]))
            time.sleep(0.25)


def _working(parent: psutil.Process) -> psutil.Process:
    """Of its children the one that is no helper of Python's multiprocessing."""
    return next(one for one in parent.children() if "tracker" not in " ".join(one.cmdline()))
