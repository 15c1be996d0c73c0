"""What the processes of a part counted, put together and said.

Each process writes its numbers to files in a directory that whoever started it made (PROMETHEUS_MULTIPROC_DIR), and
which lives as long as that parent. Without one, as under `runserver`, there is one process, which has its own.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.http import HttpRequest, HttpResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Metric,
    generate_latest,
    start_http_server,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from memory_layer.metrics.state import State

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "memory-metrics-"


class Processes(Collector):
    """What all who count in `directory` counted; of those that ended the counts alone, not how things stood then."""

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)

    def collect(self) -> Iterable[Metric]:
        for file in self._directory.glob("gauge_live*.db"):
            if not _is_alive(int(file.stem.rpartition("_")[2])):
                file.unlink(missing_ok=True)
        counted: Iterable[Metric] = MultiProcessCollector(None, str(self._directory)).collect()  # type: ignore[no-untyped-call]
        return counted


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        pass
    return True


def exposed(*collectors: Collector) -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return registry


def metrics(_request: HttpRequest) -> HttpResponse:
    """`/metrics` on the port of the API: what its processes counted, and how things stand."""
    directory = os.environ.get(VARIABLE)
    counted = Processes(directory) if directory else REGISTRY
    return HttpResponse(generate_latest(exposed(counted, State())), content_type=CONTENT_TYPE_LATEST)


@contextmanager
def shared_by_children(*, with_state: bool) -> Iterator[dict[str, str]]:
    """A fresh directory in which children count, as what their environment needs; gone at the end.

    With MEMORY_METRICS_PORT its sums are served there meanwhile, `with_state` together with how things stand. Raises
    CommandError if that port is taken.
    """
    if not settings.MEMORY_METRICS_ENABLED:
        yield {}
        return
    _remove_left_behind()
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", ignore_cleanup_errors=True) as directory:
        collectors = [Processes(directory), *([State()] if with_state else [])]
        if settings.MEMORY_METRICS_PORT:
            _serve(exposed(*collectors), settings.MEMORY_METRICS_PORT)
        yield {VARIABLE: directory}


def _remove_left_behind() -> None:
    """Remove the directories of parents that were killed; one of our own pid is of an earlier boot or container."""
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = directory.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and (int(pid) == os.getpid() or not _is_alive(int(pid))):
            shutil.rmtree(directory, ignore_errors=True)


def _serve(registry: CollectorRegistry, port: int) -> None:
    """In a thread that ends with the process."""
    try:
        start_http_server(port, settings.MEMORY_HOST, registry)
    except OSError as error:
        raise CommandError(
            f"{settings.MEMORY_HOST}:{port} cannot be used for metrics ({error.strerror}). "
            "Choose another MEMORY_METRICS_PORT; each of api, worker and beat needs one of its own."
        ) from error
