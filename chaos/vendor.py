"""A vendor of embeddings on loopback that speaks OpenAI's API, and fails as it is told."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

DIMENSIONS = 64
SLOW_SECONDS, HANGS_SECONDS = 3.0, 300.0
STATUSES = {"fails (500)": 500, "refuses (429)": 429}


def vector(text: str) -> list[float]:
    """A direction that depends on the text alone: what is stored can be compared with what should be."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return [float(one) for one in np.random.default_rng(seed).normal(size=DIMENSIONS)]


Spoilt = Callable[[list[list[float]]], list[list[float]]]
SPOILT: Mapping[str, Spoilt] = {
    "gives other dimensions": lambda vectors: [one[:-1] for one in vectors],
    "gives NaN": lambda vectors: [[float("nan")] * DIMENSIONS, *vectors[1:]],
    "gives too few": lambda vectors: vectors[:-1],
}
MOODS = ("is slow", "hangs", *STATUSES, *SPOILT)


@dataclass
class Vendor:
    """`mood`: one of MOODS, or None while all is well."""

    url: str
    mood: str | None = None
    cured: threading.Event = field(default_factory=threading.Event)

    def fall(self, mood: str) -> None:
        self.mood, self.cured = mood, threading.Event()

    def recover(self) -> None:
        self.mood = None
        self.cured.set()

    def answer(self, texts: Sequence[str]) -> tuple[int, Any]:
        mood = self.mood
        if mood in STATUSES:
            return STATUSES[mood], {"error": {"message": "not now"}}
        if mood in ("is slow", "hangs"):
            self.cured.wait(SLOW_SECONDS if mood == "is slow" else HANGS_SECONDS)
        vectors = SPOILT.get(mood or "", list)([vector(text) for text in texts])
        data = [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(vectors)]
        return 200, {"object": "list", "model": "chaos", "data": data, "usage": {"prompt_tokens": 0, "total_tokens": 0}}


class VendorServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    vendor: Vendor

    def handle_error(self, *_: Any) -> None:
        """A client that did not wait for its answer."""


class Handler(BaseHTTPRequestHandler):
    server: VendorServer

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = [sent["input"]] if isinstance(sent["input"], str) else sent["input"]
        status, body = self.server.vendor.answer(texts)
        told = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(told))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *args: Any) -> None:
        """Silence: what matters is what became of the texts."""


@contextmanager
def served() -> Iterator[Vendor]:
    with VendorServer(("127.0.0.1", 0), Handler) as server:
        server.vendor = Vendor(f"http://127.0.0.1:{server.server_port}/v1")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server.vendor
        server.vendor.recover()
        server.shutdown()
