"""PostgreSQL 18 with pgvector and Redis as private servers of one data directory: who uses them, and when they run.

A process that wants the servers takes a `lease`; the last one to release it stops them. Users are counted by shared
locks on one file, which the kernel drops with the process, so a killed user never wedges the others. Nothing listens on
TCP: the sockets are behind directories of mode 0700. Layout of the data directory:

    postgres/  postgres.conf  postgres.log  redis.sock  redis.log  redis.pid  start.lock  users.lock

`python -m memory_layer.embedded start|stop|status DATA_DIR` does it by hand, and `… run DATA_DIR psql …` runs one of
PostgreSQL's own programs on the database.
"""

import argparse
import atexit
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from memory_layer.embedded_servers import EmbeddedServerError, Postgres, Redis, Server, open_private

__all__ = ["EmbeddedServerError", "Lease", "database_url", "kept", "lease", "redis_url", "run", "start", "stop"]

LOOK_EVERY_SECONDS, LEFT_ALONE_SECONDS = 0.5, 3.0


def database_url(data_dir: Path) -> str:
    """The URL of the database under `data_dir`, for Django and psycopg; nothing is started."""
    return Postgres(data_dir).url


def redis_url(data_dir: Path) -> str:
    """The URL of the Redis under `data_dir`; nothing is started."""
    return Redis(data_dir).url


def lease(data_dir: Path, *, durable: bool = True, postgres: bool = True, redis: bool = True) -> "Lease":
    """Start what is wanted and does not run yet; count this process as a user until it releases or exits.

    A process has one lease per directory: a second call returns the same, with both servers answering again. With
    `durable=False` a crash of the machine may lose the data, which tests trade for speed; it applies to a server that
    this call starts. Raises `EmbeddedServerError`.
    """
    with _start_lock(data_dir):
        held = _lease_of_this_process(data_dir.resolve())
        try:
            _start_servers(data_dir, durable=durable, postgres=postgres, redis=redis)
        except BaseException:
            held.release()
            raise
    return held


@contextmanager
def kept(data_dir: Path, *, postgres: bool, redis: bool, say: Callable[[str], object]) -> Iterator[None]:
    """Meanwhile, have servers that died started again, tried as often as it takes; `say` is told of it."""
    wanted = [server(data_dir) for server, is_wanted in ((Postgres, postgres), (Redis, redis)) if is_wanted]
    over = threading.Event()
    keeper = threading.Thread(target=_keep, args=[wanted, over, say], daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join(LEFT_ALONE_SECONDS)  # a server that just starts takes longer than its user may to end


def _keep(servers: Sequence[Server], over: threading.Event, say: Callable[[str], object]) -> None:
    while not over.wait(LOOK_EVERY_SECONDS):
        for server in servers:
            if not server.is_running():
                say(f"{server.program} does not answer and is started again")
                _try_to_start(server, say)


def _try_to_start(server: Server, say: Callable[[str], object]) -> None:
    try:
        with _start_lock(server.data_dir):
            server.start()
    except EmbeddedServerError as error:
        say(str(error))


def start(data_dir: Path, *, durable: bool = True) -> None:
    """Start what does not run, to stay until the last user releases its lease or `stop` is called."""
    with _start_lock(data_dir):
        _start_servers(data_dir, durable=durable)


def stop(data_dir: Path) -> None:
    """Stop both servers cleanly, whoever uses them."""
    if data_dir.is_dir():
        with _start_lock(data_dir):
            _stop_servers(data_dir)


def run(data_dir: Path, program: str, arguments: Sequence[str]) -> int:
    """Run a program of PostgreSQL's (psql, pg_dump, …) on the database as its superuser; return its exit status.

    Raises `EmbeddedServerError`, also for a program that is not there.
    """
    with lease(data_dir, redis=False):
        postgres = Postgres(data_dir)
        return subprocess.run([postgres.client(program), *arguments], env=os.environ | postgres.as_superuser).returncode


def _start_servers(data_dir: Path, *, durable: bool, postgres: bool = True, redis: bool = True) -> None:
    if postgres:
        Postgres(data_dir, durable=durable).start()
    if redis:
        Redis(data_dir).start()


def _stop_servers(data_dir: Path) -> None:
    Redis(data_dir).stop()
    Postgres(data_dir).stop()


class Lease:
    """This process as a counted user of the servers of `data_dir`; also a context manager."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._pid = os.getpid()
        self._users = open_private(data_dir / "users.lock")
        fcntl.flock(self._users, fcntl.LOCK_SH)  # waits while a last user stops the servers
        atexit.register(self.release)

    @property
    def active(self) -> bool:
        """Whether this very process holds the lease; a forked child of the holder does not."""
        return self._pid == os.getpid() and not self._users.closed

    def release(self) -> None:
        """Give the lease back; the last user stops both servers. A second call does nothing."""
        if not self.active:
            return
        atexit.unregister(self.release)
        with self._users as users, suppress(BlockingIOError):
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while there are other users
                _stop_servers(self.data_dir)
            finally:
                fcntl.flock(users, fcntl.LOCK_UN)  # a forked child may hold this file open for long

    def forget(self) -> None:
        """Close a forked child's copy of its parent's lock, which would make the parent look alive for ever."""
        self._users.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


_leases: dict[Path, Lease] = {}


def _lease_of_this_process(data_dir: Path) -> Lease:
    known = _leases.get(data_dir)
    if known is None or not known.active:
        if known is not None:
            known.forget()
        _leases[data_dir] = known = Lease(data_dir)
    return known


@contextmanager
def _start_lock(data_dir: Path) -> Iterator[None]:
    """One starter at a time, of all processes and threads."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = open_private(data_dir / "start.lock")
    except OSError as error:
        raise EmbeddedServerError(f"the data directory cannot be used: {error}") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # not left to closing: a fork meanwhile holds the file open too


def main(arguments: list[str]) -> None:
    """The command line: servers started here run until they are stopped, or until the last lease is released."""
    parser = argparse.ArgumentParser(prog="python -m memory_layer.embedded", description=main.__doc__)
    parser.add_argument("action", choices=["start", "stop", "status", "run"])
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="with run: psql, pg_dump, pg_restore … and arguments")
    options = parser.parse_args(arguments)
    if bool(options.command) != (options.action == "run"):
        parser.error("run, and nothing else, takes a program and its arguments.")
    if options.action == "run":
        sys.exit(run(options.data_dir, options.command[0], options.command[1:]))
    if options.action == "start":
        start(options.data_dir)
    elif options.action == "stop":
        stop(options.data_dir)
    for server in (Postgres(options.data_dir), Redis(options.data_dir)):
        sys.stdout.write(f"{server.program}: {server.url if server.is_running() else 'not running'}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
