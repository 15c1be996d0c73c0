"""A service on loopback that answers as the real one does, or misbehaves as it is told."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

FACT = {
    "id": "0199a6a6-0000-7000-8000-000000000001",
    "category": "biographical",
    "content": "Lives in Austin.",
    "confidence": 0.9,
    "temporal_state": "current",
    "slot_hint": "location",
    "is_essential": True,
    "source_message_id": None,
    "created_at": "2026-01-01T00:00:00Z",
    "last_refreshed_at": "2026-01-01T00:00:00Z",
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_until": None,
    "superseded_by": None,
    "a_field_of_tomorrow": 1,
}
ENTRY = {"fact_id": FACT["id"], "content": FACT["content"], "is_current": True}
HIT = {"message_id": "m1", "content": "I live in Austin.", "score": 0.8, "role": "user", "conversation_id": "c1"}
CONTEXT = {
    "text": "<recalled-memory>\nLives in Austin.\n</recalled-memory>",
    "tokens": 12,
    "messages": [HIT | {"created_at": "2026-01-01T00:00:00Z", "a_field_of_tomorrow": 1}],
    "facts": [FACT],
    "degraded": False,
    "a_field_of_tomorrow": 1,
}
SOURCE = {"fact_id": FACT["id"], "role": "user", "content": "I live in Austin.", "source_available": True}
PROFILE = {"summary": "From Austin.", "key_traits": ["curious"], "updated_at": None}
STATUSES = {"401": 401, "403": 403, "404": 404, "429": 429, "500": 500}


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Service:
    """`behaviour`: well, a status, or one of the methods of Handler."""

    url: str = ""
    behaviour: str = "well"
    retry_after: str = "7"
    fail_first: int = 0  # this many requests are answered 500
    requests: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Condition = field(default_factory=threading.Condition)
    connections: int = 0

    def turns(self) -> list[Any]:
        with self.lock:
            return [request.body for request in self.requests if request.path == "/v1/ingest"]

    def count(self, change: int) -> None:
        with self.lock:
            self.connections += change
            self.lock.notify_all()

    def taken(self, request: Request) -> bool:
        """Written down; False when it is one of the first that fail."""
        with self.lock:
            self.requests.append(request)
            self.lock.notify_all()
            self.fail_first -= 1
            return self.fail_first < 0

    def wait_for_requests(self, count: int) -> bool:
        with self.lock:
            return self.lock.wait_for(lambda: len(self.requests) >= count, 5)

    def has_no_connections(self) -> bool:
        """Waits for them to go."""
        self.released.set()
        with self.lock:
            return self.lock.wait_for(lambda: self.connections == 0, 5)


def answer(request: Request) -> tuple[int, Any]:
    """As the service does."""
    body = request.body or {}
    message = {"id": str(uuid4()), **body}
    answers: list[tuple[str, int, Any]] = [
        ("POST /v1/recall", 200, {"relevant_facts": [{**FACT, "score": 0.7}]}),
        ("POST /v1/ingest", 201, {"status": "queued", "job_id": None, "chat_log_id": str(uuid4())}),
        (r"GET /v1/conscious(/.+)?", 200, {"user_id": "ann", "essential_facts": [FACT], "profile": PROFILE}),
        (r"GET /v1/facts/[^/]+/source", 200, SOURCE),
        (r"GET /v1/facts/[^/]+", 200, {"facts": [FACT], "next_cursor": None}),
        (r"DELETE /v1/facts/[^/]+", 204, None),
        (r"POST /v1/users/[^/]+/consolidate", 202, {"status": "queued", "message": "Queued.", "job_id": "j1"}),
        ("POST /v1/sessions", 201, {"id": "s1", "user_id": body.get("user_id"), "created_at": "2026-01-01T00:00:00Z"}),
        ("GET /v1/timeline", 200, {"slot_hint": "location", "current_fact": FACT, "history": [ENTRY]}),
        ("POST /v1/messages", 202, message),
        ("POST /v1/messages/batch", *_batch(body.get("messages", []))),
        ("POST /v1/memory/search", 200, {"total": 1, "items": [HIT], "degraded": False}),
        ("POST /v1/memory/context", 200, CONTEXT),
    ]
    for pattern, status, data in answers:
        if re.fullmatch(pattern, f"{request.method} {request.path}"):
            return status, data
    return 404, refusal(404)


def _batch(messages: list[Any]) -> tuple[int, Any]:
    """Blank content is refused."""
    created = [{"id": str(uuid4()), **message} for message in messages if message["content"]]
    errors = [
        {"index": index, "code": "blank", "detail": "No content.", "attr": "content"}
        for index, message in enumerate(messages)
        if not message["content"]
    ]
    return 207 if errors else 201, {"created": created, "errors": errors}


def refusal(status: int) -> Any:
    return {"type": "client_error", "errors": [{"code": f"code_{status}", "detail": "Do this.", "attr": "query"}]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    service: Service

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def do_GET(self) -> None:
        request = self._request()
        if not self.service.taken(request):
            self._say(500, json.dumps(refusal(500)))
            return
        behaviour = self.service.behaviour
        if behaviour in STATUSES:
            self._say(STATUSES[behaviour], json.dumps(refusal(STATUSES[behaviour])))
        else:
            getattr(self, "_" + behaviour.replace(" ", "_"))(request)

    do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *args: object) -> None:
        pass

    def _request(self) -> Request:
        url = urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(content) if content else None
        return Request(self.command, url.path, dict(parse_qsl(url.query)), dict(self.headers.items()), body)

    def _say(self, status: int, text: str, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status == 429:
            self.send_header("Retry-After", self.service.retry_after)
        if status != 204:
            self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(b"" if status == 204 else text.encode())

    def _well(self, request: Request) -> None:
        status, data = answer(request)
        self._say(status, json.dumps(data))

    def _hangs(self, request: Request) -> None:
        self.service.released.wait()
        self.close_connection = True

    def _resets(self, request: Request) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _drips(self, request: Request) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while not self.service.released.wait(0.02):
            self.wfile.write(b" ")
        self.close_connection = True

    def _hangs_after_its_headers(self, request: Request) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self._hangs(request)

    def _breaks_off(self, request: Request) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b'{"relevant_facts": [')
        self.close_connection = True

    def _never_ends(self, request: Request) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(2**40))
        self.end_headers()
        while not self.service.released.is_set():
            self.wfile.write(b" " * 2**20)

    def _sends_elsewhere(self, request: Request) -> None:
        self.send_response(307)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _html(self, request: Request) -> None:
        self._say(200, "<html>Welcome to our proxy</html>", "text/html")

    def _truncated_JSON(self, request: Request) -> None:  # noqa: N802
        self._say(200, '{"relevant_facts": [')

    def _wrong_JSON(self, request: Request) -> None:  # noqa: N802
        self._say(200, '"Welcome"')

    def _wrong_shape(self, request: Request) -> None:
        self._say(200, '{"something": "else"}')


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    service: Service

    def process_request(self, request: Any, client_address: Any) -> None:
        self.service.count(1)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.service.count(-1)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is no news."""


def served(service: Service) -> Server:
    server = Server(("127.0.0.1", 0), type("ServiceHandler", (Handler,), {"service": service}))
    server.service = service
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="service", daemon=True).start()
    return server
