"""The faults, by name. Each brings its fault about, waits as long as it lasts, and takes it away again."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import psutil
import psycopg
import redis

from chaos.service import Service

Fault = Callable[[Service], None]
QUEUES = ("embed", "extract", "maintenance")
HOURS = 3600
LASTS_SECONDS = 6.0
MID_WORK_SECONDS = 5.0
FILES_OF_LOG = 12  # of 16 MB each
SOME_BYTES = 4 << 20
DISK_FULL = "disk full"


def _wait_for_work(service: Service, statement: str) -> None:
    """Until a row says that somebody is at work, for a while: a worker is to be hit in the middle."""
    end = time.monotonic() + MID_WORK_SECONDS
    while time.monotonic() < end and not service.rows(statement):
        time.sleep(0.002)


EMBEDDING = "SELECT 1 FROM memories_messageembedding WHERE status = 'processing' LIMIT 1"
READING = "SELECT 1 FROM memories_job WHERE status = 'running' LIMIT 1"

# --- Processes --------------------------------------------------------------------------------------------------------


def kill_api_process(service: Service) -> None:
    service.child("granian").kill()


def kill_api(service: Service) -> None:
    service.parent("granian").kill()


def kill_worker(service: Service) -> None:
    service.parent("worker").kill()


def kill_worker_in_a_batch(service: Service) -> None:
    victim = service.child("worker")
    _wait_for_work(service, EMBEDDING)
    victim.kill()


def kill_worker_reading_facts(service: Service) -> None:
    victim = service.child("worker")
    _wait_for_work(service, READING)
    victim.kill()


def kill_beat(service: Service) -> None:
    service.parent("beat").kill()


def kill_all(service: Service) -> None:
    service.running.process.kill()
    service.start_again()


def stop_api(service: Service) -> None:
    service.parent("granian").terminate()


def stop_worker(service: Service) -> None:
    _wait_for_work(service, EMBEDDING)
    service.parent("worker").terminate()


def stop_all(service: Service) -> None:
    _wait_for_work(service, EMBEDDING)
    service.running.process.terminate()
    service.start_again()


# --- Servers ----------------------------------------------------------------------------------------------------------


def _kill_redis(service: Service) -> None:
    for pid in service.redis.processes():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_redis(service: Service) -> None:
    _kill_redis(service)


def kill_redis_and_its_files(service: Service) -> None:
    _kill_redis(service)
    for file in (service.redis.socket, service.redis.log, service.data_dir / "redis.pid"):
        file.unlink(missing_ok=True)


def empty_redis(service: Service) -> None:
    with service.broker() as broker:
        broker.flushall()


def freeze_redis(service: Service) -> None:
    with _frozen([psutil.Process(pid) for pid in service.redis.processes()]):
        time.sleep(LASTS_SECONDS)


def kill_postgres(service: Service) -> None:
    service.postmaster().kill()


def kill_a_backend(service: Service) -> None:
    """PostgreSQL then ends all of its sessions, and recovers."""
    backends = [one for one in service.postmaster().children() if "memory_layer" in " ".join(one.cmdline())]
    if backends:
        backends[-1].kill()


def stop_postgres_at_once(service: Service) -> None:
    service.postmaster().send_signal(signal.SIGQUIT)


def restart_postgres(service: Service) -> None:
    service.postmaster().send_signal(signal.SIGINT)


@contextmanager
def _frozen(processes: Sequence[psutil.Process]) -> Iterator[None]:
    """Processes that stand still meanwhile."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def fill_disk(service: Service) -> None:
    """Only on a disk of its own (`disk.py`): a file takes what is left."""
    filler = service.data_dir / "filler"
    try:
        _take_all(filler)
        _want_room(service)
        time.sleep(LASTS_SECONDS)
    finally:
        filler.unlink(missing_ok=True)


def _take_all(filler: Path) -> None:
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(filler.parent).free - SOME_BYTES)
        file.seek(0, os.SEEK_END)
        while True:  # what is left over, to the last byte
            file.write(bytes(1 << 12))


def _want_room(service: Service) -> None:
    """Have PostgreSQL begin new files of its log, rather than go on in those that it has: it stops for want of room."""
    with suppress(psycopg.Error):
        for _ in range(FILES_OF_LOG):
            service.rows("SELECT pg_logical_emit_message(true, 'chaos', 'x'), pg_switch_wal()")


# --- Messages of Celery -----------------------------------------------------------------------------------------------


def _on_queues(service: Service, act: "Callable[[redis.Redis, str], object]") -> None:
    """Do it to all queues for a while. The worker stands still meanwhile: it would take most messages before us."""
    end = time.monotonic() + LASTS_SECONDS
    with service.broker() as broker, _frozen([service.parent("worker")]):
        while time.monotonic() < end:
            for queue in QUEUES:
                act(broker, queue)
            time.sleep(0.02)


def lose_messages(service: Service) -> None:
    _on_queues(service, lambda broker, queue: broker.delete(queue))


def double_messages(service: Service) -> None:
    known: set[str] = set()

    def double(broker: "redis.Redis", queue: str) -> None:
        for message in map(json.loads, _waiting(broker, queue)):
            tag = message["properties"]["delivery_tag"]
            if tag not in known:
                message["properties"]["delivery_tag"] = again = f"{tag}-again"
                known.update((tag, again))
                broker.lpush(queue, json.dumps(message))

    _on_queues(service, double)


def _waiting(broker: "redis.Redis", queue: str) -> list[bytes]:
    return cast("list[bytes]", broker.lrange(queue, 0, -1))


def delay_messages(service: Service) -> None:
    taken: list[tuple[str, bytes]] = []

    def take(broker: "redis.Redis", queue: str) -> None:
        while message := cast("bytes | None", broker.rpop(queue)):
            taken.append((queue, message))

    _on_queues(service, take)
    with service.broker() as broker:
        for queue, message in taken:
            broker.lpush(queue, message)


# --- The clock --------------------------------------------------------------------------------------------------------


def _skew(word: str, seconds: int) -> Fault:
    def skew(service: Service) -> None:
        file = service.clock / word
        file.write_text(str(seconds))
        time.sleep(LASTS_SECONDS)
        file.unlink()

    return skew


FAULTS: dict[str, Fault] = {
    "kill -9 of an API process": kill_api_process,
    "kill -9 of the API's parent": kill_api,
    "kill -9 of the worker": kill_worker,
    "kill -9 in the middle of a batch": kill_worker_in_a_batch,
    "kill -9 while facts are read": kill_worker_reading_facts,
    "kill -9 of beat": kill_beat,
    "kill -9 of Redis": kill_redis,
    "kill -9 of Redis, files removed": kill_redis_and_its_files,
    "Redis emptied": empty_redis,
    "Redis hangs": freeze_redis,
    "kill -9 of PostgreSQL": kill_postgres,
    "kill -9 of a session of PostgreSQL": kill_a_backend,
    "PostgreSQL stopped at once": stop_postgres_at_once,
    "PostgreSQL restarted": restart_postgres,
    "kill -9 of `up`": kill_all,
    "SIGTERM of the API": stop_api,
    "SIGTERM of the worker": stop_worker,
    "SIGTERM of all": stop_all,
    DISK_FULL: fill_disk,
    "messages lost": lose_messages,
    "messages doubled": double_messages,
    "messages delayed": delay_messages,
    "API's clock an hour ahead": _skew("granian", HOURS),
    "API's clock an hour behind": _skew("granian", -HOURS),
    "worker's clock a day ahead": _skew("worker", 24 * HOURS),
    "worker's clock a day behind": _skew("worker", -24 * HOURS),
}
