"""A vendor on loopback that answers as it is told and remembers what it was asked."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    json: Any


@dataclass
class Answer:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False


@dataclass
class Vendor:
    """`script` is answered first, one by one; then `default`, a function of the request's JSON."""

    url: str
    default: Callable[[Any], Any] = lambda sent: {}
    script: deque[Answer] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)
    finished: threading.Event = field(default_factory=threading.Event)

    def next_answer(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.script.popleft() if self.script else Answer(body=self.default(request.json))


class VendorServer(ThreadingHTTPServer):
    vendor: Vendor


class Handler(BaseHTTPRequestHandler):
    server: VendorServer

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.vendor.next_answer(Request(self.path, headers, sent))
        if answer.hangs:
            self.server.vendor.finished.wait()
            return
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode())

    def log_message(self, *args: Any) -> None:
        """Silence: the requests are kept in `vendor.requests`."""


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with VendorServer(("127.0.0.1", 0), Handler) as server:
        server.vendor = Vendor(url=f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.vendor
        server.vendor.finished.set()
        server.shutdown()
