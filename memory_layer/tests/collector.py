"""A collector of OpenTelemetry and a Sentry on loopback: they keep what they are sent."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Receiver(ThreadingHTTPServer):
    """Answers 200 to whatever comes and keeps the bodies. With `hangs`, it answers nothing until it ends."""

    daemon_threads = True

    def __init__(self, *, hangs: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []
        self.hanging = threading.Event()
        self.asked = threading.Event()
        if not hangs:
            self.hanging.set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def spans(self) -> list[Any]:
        """All spans that came, in the order of their beginning."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in list(self.bodies)]
        scopes = [scope for request in requests for of in request.resource_spans for scope in of.scope_spans]
        return sorted((span for scope in scopes for span in scope.spans), key=lambda span: span.start_time_unix_nano)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
        self.server.asked.set()
        self.server.hanging.wait()
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiver(*, hangs: bool = False) -> Iterator[Receiver]:
    server = Receiver(hangs=hangs)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.hanging.set()
        server.shutdown()
        server.server_close()
