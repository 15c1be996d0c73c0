"""The service as containers run it: each part a process with a metrics port of its own, and its models on loopback."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from django.conf import settings

from memories.tests.providers.conftest import Answer, Handler, Request, Vendor, VendorServer
from memories.tests.providers.dialects import OPENAI
from memory_layer import embedded
from memory_layer.embedded_servers import Postgres, Redis
from memory_layer.running import free_port
from memory_layer.tests.standby import Standby

MANAGE = [sys.executable, "manage.py"]
ROOT = settings.BASE_DIR
KEY = "deployment-key-of-this-test-run"
COMMANDS = {
    "api": ["api"],
    "worker": ["worker", "--queues", "embed,maintenance"],
    "fact-worker": ["worker", "--queues", "extract"],
    "beat": ["beat"],
}
DIMENSIONS = 4
REFUSED = "No vendor takes this text."
FACT = {
    "content": "Lives in Austin.",
    "category": "biographical",
    "slot": "location",
    "state": "current",
    "confidence": 0.9,
    "turns": [1],
    "quote": "I live in Austin, Texas.",
    "valid_from": None,
    "valid_until": None,
    "negates": None,
}


class Models(Vendor):
    """Embeds, and reads every session alike; answers 503 while it `is_down`."""

    is_down = False

    def next_answer(self, request: Request) -> Answer:
        if self.is_down:
            return Answer(503, OPENAI.error(503, "overloaded"))
        if "messages" in request.json:
            return Answer(body=OPENAI.says({"facts": [FACT]}))
        if REFUSED in request.json["input"]:
            return Answer(400, OPENAI.error(400, "refused"))
        vectors = [[1.0, float(len(text)), *[0.0] * (DIMENSIONS - 2)] for text in request.json["input"]]
        data = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
        return Answer(body={"object": "list", "model": request.json["model"], "data": data, "usage": {}})


@contextmanager
def models() -> Iterator[Models]:
    with VendorServer(("127.0.0.1", 0), Handler) as server:
        server.vendor = vendor = Models(url=f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield vendor
        server.shutdown()


class Parts:
    """All of COMMANDS, and a read replica, until the end of the `with` block.

    `folder` has their data and what each wrote.
    """

    def __init__(self, folder: Path, vendor: Models) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.ports = {name: free_port() for name in COMMANDS}
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.standby = Standby(folder / "standby", primary=self.postgres)
        # Servers named by URL are somebody else's: no part starts them again before their loss was seen.
        servers = {
            "MEMORY_DATABASE_URL": embedded.database_url(self.data_dir),
            "MEMORY_READ_REPLICA_URLS": self.standby.url,
            "MEMORY_REDIS_URL": embedded.redis_url(self.data_dir),
        }
        own = {"MEMORY_PORT": str(port), "MEMORY_DATA_DIR": str(self.data_dir)}
        self.variables = _variables(vendor) | own | servers
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Parts":
        self.lease = embedded.lease(self.data_dir, durable=False)
        self.standby.start()
        subprocess.run([*MANAGE, "migrate", "-v0"], env=self.variables, cwd=ROOT, check=True, timeout=120)
        for name in COMMANDS:
            self.start(name)
        return self

    def start(self, name: str) -> None:
        environment = {**self.variables, "MEMORY_METRICS_PORT": str(self.ports[name])}
        with (self.folder / f"{name}.log").open("a") as log:
            self.processes[name] = subprocess.Popen(
                [*MANAGE, *COMMANDS[name]], env=environment, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
            )

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(60)
        self.standby.stop()
        self.lease.release()

    def family(self, name: str) -> list[psutil.Process]:
        """What a part's own process, which serves its metrics, has started: all that does its work."""
        return psutil.Process(self.processes[name].pid).children(recursive=True)

    @property
    def postgres(self) -> Postgres:
        return Postgres(self.data_dir, durable=False)

    @property
    def redis(self) -> Redis:
        return Redis(self.data_dir)


def _variables(vendor: Models) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMORY_")}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "memory_layer.settings",
        "MEMORY_ENVIRONMENT": "local",
        "MEMORY_API_KEYS": KEY,
        "MEMORY_EMBEDDING_PROVIDER": "openai",
        "MEMORY_OPENAI_BASE_URL": vendor.url,
        "MEMORY_EMBEDDING_DIMENSIONS": str(DIMENSIONS),
        "MEMORY_LLM_PROVIDER": "openai",
        "MEMORY_LLM_BASE_URL": f"{vendor.url}/v1",
        "MEMORY_EXTRACTION_DEBOUNCE_SECONDS": "0",
        "MEMORY_CIRCUIT_FAILURE_THRESHOLD": "2",
        "MEMORY_CIRCUIT_RECOVERY_SECONDS": "1",
        "MEMORY_GLOBAL_RATE_LIMIT": "1000000/minute",
        "MEMORY_TENANT_RATE_LIMIT": "0",
        "MEMORY_USER_KEY_RATE_LIMIT": "5/minute",
        "MEMORY_RATE_LIMIT_FAIL_OPEN": "false",
    }
