"""The stack that is measured: embedded servers in a folder, the API as production runs it, a bare one, a worker."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import django

ROOT = Path(__file__).parent.parent
QUIET_SECONDS = 120.0


@dataclass(frozen=True)
class Server:
    """Where it listens, and the process that was started, whose children do the work."""

    port: int
    process: "subprocess.Popen[bytes]"


@contextmanager
def folder(keep: Path | None, **variables: str) -> Iterator[Path]:
    """Django, ready to be imported from, with its data in a folder that is gone afterwards, or in `keep`.

    Of the caller's MEMORY_* variables those of embedding are kept: which model is measured is theirs to say.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped then, too
    for name in [name for name in os.environ if name.startswith("MEMORY_") and "EMBEDDING" not in name]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="memory-bench-") as temporary:
        place = (keep or Path(temporary)).resolve()
        _share_models(place / "data")
        os.environ |= {"DJANGO_SETTINGS_MODULE": "memory_layer.settings", "MEMORY_DATA_DIR": f"{place}/data"}
        os.environ |= {"MEMORY_LOG_LEVEL": "WARNING"} | variables
        django.setup()
        from django.conf import settings

        from memory_layer import embedded

        with embedded.lease(settings.MEMORY_DATA_DIR):
            yield place


def _share_models(data: Path) -> None:
    """The bundled model is exported once for all runs, as `manage.py up` keeps it, not once for each folder."""
    shared = ROOT / ".memory" / "models"
    for one in (shared, data):
        one.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (data / "models").exists():
        (data / "models").symlink_to(shared)


@contextmanager
def api(place: Path, *, workers: int, threads: int | None = None) -> Iterator[Server]:
    """`manage.py api` with its log in a file, as a process manager keeps it, and without limits."""
    from memory_layer.running import NO_LIMITS

    command = [sys.executable, str(ROOT / "manage.py"), "api", "--workers", str(workers)]
    if threads:
        command += ["--threads", str(threads)]
    variables = NO_LIMITS | {"MEMORY_LOG_LEVEL": "INFO", "MEMORY_LOG_FORMAT": "json"}
    variables |= {"MEMORY_CACHE_SEARCH_TTL_SECONDS": "600"}  # cached answers shall not end in the middle of a slice
    with _listening(command, place / "api.log", variables, "/livez") as server:
        yield server


@contextmanager
def bare(place: Path, *, workers: int, threads: int | None = None) -> Iterator[Server]:
    """`bench.bare`, with its table made, by the same server with as many processes and threads."""
    from memory_layer import stack

    settings = {"DJANGO_SETTINGS_MODULE": "bench.bare.settings"}
    make = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--verbosity", "0", "--skip-checks"]
    subprocess.run(make, env=stack.environment() | settings, cwd=ROOT, check=True)
    with serving(
        "bench.bare.wsgi:application", place, settings, workers=workers, threads=threads, answers_at="/view"
    ) as server:
        yield server


@contextmanager
def serving(
    application: str,
    place: Path,
    variables: Mapping[str, str],
    *,
    workers: int = 1,
    threads: int | None = None,
    answers_at: str = "/livez",
) -> Iterator[Server]:
    """The server that serves the API, with this application."""
    from memory_layer import stack

    command = [
        application if part == "memory_layer.wsgi:application" else part
        for part in stack.api_command(workers=workers, threads=threads)
    ]
    with _listening(command, place / f"{application.partition('.')[0]}.log", variables, answers_at) as server:
        yield server


@contextmanager
def worker(place: Path, *, concurrency: int = 1, queues: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py worker`."""
    from memory_layer import stack

    command = [sys.executable, str(ROOT / "manage.py"), "worker", "--concurrency", str(concurrency)]
    with _running([*command, "--queues", queues or stack.QUEUES], place / "worker.log", {}) as process:
        yield process


@contextmanager
def _listening(command: list[str], log: Path, variables: Mapping[str, str], answers_at: str) -> Iterator[Server]:
    from memory_layer import stack
    from memory_layer.running import free_port

    port = free_port()
    if "--port" in command:
        command[command.index("--port") + 1] = str(port)
    with _running(command, log, {"MEMORY_PORT": str(port), **variables}) as process:
        if not stack.wait_until_it_answers(f"http://127.0.0.1:{port}{answers_at}"):
            raise SystemExit(f"{' '.join(command[1:4])} did not start:\n{log.read_text()[-2000:]}")
        yield Server(port, process)


@contextmanager
def _running(command: list[str], log: Path, variables: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    from memory_layer import stack

    with log.open("ab") as out:
        process = subprocess.Popen(
            command, env={**stack.environment(), **variables}, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def numbers(text: str) -> list[int]:
    """Of an option: 1000,20000."""
    return [int(part) for part in text.split(",")]


def superuser_url() -> str:
    """The embedded database as nobody else sees it: rows are made and cleared away beneath row-level security."""
    from django.conf import settings

    return str(settings.DATABASE_URL).replace("memory_layer@", "postgres@")
