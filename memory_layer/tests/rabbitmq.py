"""A RabbitMQ of one's own, where the Makefile could fetch one."""

import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import psutil
import pytest
from django.conf import settings

from memory_layer.running import free_port

FETCHED = settings.BASE_DIR / ".venv" / "rabbitmq"  # by the Makefile
PATIENCE_SECONDS = 90.0


class RabbitMQ:
    """Keeps its queues under `folder`, on loopback alone; skips the test where there is no RabbitMQ."""

    def __init__(self, folder: Path) -> None:
        servers = list(FETCHED.glob("rabbitmq_server-*/sbin/rabbitmq-server"))
        if not servers:
            pytest.skip(f"`make {FETCHED.relative_to(settings.BASE_DIR)}` had no RabbitMQ")
        folder.mkdir()
        self._folder, self._server = folder, servers[0]
        self._port, self._names_port = free_port(), free_port()
        self._names: psutil.Popen | None = None  # Erlang's service that knows a node's port
        self._node: psutil.Popen | None = None
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}//"
        (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self._port}\n")
        (folder / "enabled_plugins").touch()

    def start(self) -> None:
        """Returns when it takes connections."""
        if not self._names:
            (epmd,) = FETCHED.glob("erlang/erts-*/bin/epmd")
            self._names = self._run(str(epmd), "-port", str(self._names_port), "-address", "127.0.0.1")
        self._node = self._run(str(self._server))
        end = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            assert time.monotonic() < end, (self._folder / "log").read_text()
            time.sleep(0.1)

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        """By a kill, as the power does."""
        for process in (*self._node.children(recursive=True), self._node) if self._node else ():
            process.send_signal(number)
        if self._node:
            self._node.wait(PATIENCE_SECONDS)
        self._node = None

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def _run(self, *command: str) -> psutil.Popen:
        own = {f"RABBITMQ_{name}": str(self._folder / path) for name, path in PATHS.items()}
        own |= {"RABBITMQ_NODENAME": "memory@localhost", "RABBITMQ_DIST_PORT": str(free_port())}
        own |= {"ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": str(self._names_port)}
        path = f"{FETCHED / 'erlang' / 'bin'}:/usr/bin:/bin"
        with (self._folder / "log").open("a") as log:
            return psutil.Popen(
                command,
                env={**own, "PATH": path, "HOME": str(self._folder), "LC_ALL": "C.UTF-8"},
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._names:
            self._names.kill()
            self._names.wait(PATIENCE_SECONDS)


PATHS = {
    "CONFIG_FILE": "rabbitmq.conf",
    "ENABLED_PLUGINS_FILE": "enabled_plugins",
    "MNESIA_BASE": "data",
    "LOG_BASE": "logs",
}
