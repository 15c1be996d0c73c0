"""A streaming replica of an embedded PostgreSQL, for tests."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from memory_layer.embedded_servers import Postgres, _claim


class Standby(Postgres):
    """Follows `primary`, which has to run when this is started for the first time."""

    def __init__(self, data_dir: Path, *, primary: Postgres) -> None:
        data_dir.mkdir(exist_ok=True)
        super().__init__(data_dir)
        self.primary = primary

    def _initialise(self, programs: Path, *, account: tuple[int, int] | None) -> None:
        _claim(self.directory, account=account)
        source = f"--dbname={self.primary._superuser('postgres')}"
        options = ("--pgdata=postgres", "--checkpoint=fast", "--write-recovery-conf")
        self._run(programs / "pg_basebackup", source, *options, account=account)

    def _create_database(self) -> None:
        """It comes from the primary."""

    def asks(self, statement: str) -> Any:
        """The first value that a statement gives, if it gives any."""
        with psycopg.connect(self._superuser("memory_layer"), autocommit=True) as connection:
            done = connection.execute(statement.encode())
            row = done.fetchone() if done.description else None
            return row and row[0]

    def kill(self) -> None:
        """As the power does."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._wait(lambda: not self.processes(), seconds=10)
