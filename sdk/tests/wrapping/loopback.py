"""The vendors' servers on loopback: one that speaks all of their protocols, streams included."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}


def _set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass
class Vendor:
    """Says `pieces`, or the bodies of `answers` first, once it `may_answer`.

    The first `refusals` requests are refused; a stream breaks off after `breaks_after` pieces, and an answer
    pauses in its middle until it `may_finish`.
    """

    url: str
    pieces: list[str] = field(default_factory=lambda: ["Nice", " to meet", " you."])
    answers: deque[Any] = field(default_factory=deque)
    breaks_after: int | None = None
    refusals: int = 0
    was_asked: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=_set)
    may_finish: threading.Event = field(default_factory=_set)
    requests: list[Any] = field(default_factory=list)

    @property
    def said(self) -> list[str]:
        return self.pieces[: self.breaks_after]


class VendorServer(ThreadingHTTPServer):
    request_queue_size = 128
    vendor: Vendor


@contextmanager
def served() -> Iterator[Vendor]:
    with VendorServer(("127.0.0.1", 0), Handler) as server:
        server.vendor = Vendor(url=f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.vendor
        server.shutdown()


class Handler(BaseHTTPRequestHandler):
    server: VendorServer

    def do_POST(self) -> None:
        vendor = self.server.vendor
        vendor.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        vendor.was_asked.set()
        vendor.may_answer.wait()
        if vendor.refusals:
            vendor.refusals -= 1
            self.answer(json.dumps({"error": {"message": "overloaded", "code": 500}}), status=500)
        elif "stream" in self.path or vendor.requests[-1].get("stream"):
            self.stream(vendor)
        else:
            self.answer(json.dumps(vendor.answers.popleft() if vendor.answers else self.plain("".join(vendor.pieces))))

    def plain(self, text: str) -> Any:
        return next(body(text) for suffix, (body, _) in PROTOCOLS.items() if self.path.endswith(suffix))

    def stream(self, vendor: Vendor) -> None:
        path = self.path.partition("?")[0]
        events = next(events for suffix, (_, events) in PROTOCOLS.items() if path.endswith(suffix))
        is_broken = vendor.breaks_after is not None
        sent = "".join(events(vendor.said, is_broken))
        self.answer(sent, kind="text/event-stream", missing=1_000 if is_broken else 0)

    def answer(self, body: str, *, status: int = 200, kind: str = "application/json", missing: int = 0) -> None:
        """`missing` bytes are announced and never sent: the connection breaks in the middle."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode()) + missing))
        self.end_headers()
        middle = len(body) // 2
        self.wfile.write(body[:middle].encode())
        self.server.vendor.may_finish.wait()
        self.wfile.write(body[middle:].encode())

    def log_message(self, *args: Any) -> None:
        """Silence: the requests are kept in `vendor.requests`."""


def _sse(data: Any) -> str:
    name = f"event: {data['type']}\n" if "type" in data else ""
    return f"{name}data: {json.dumps(data)}\n\n"


def completion(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "gpt",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant"} | message}],
    }


def _chunks(pieces: list[str], is_broken: bool) -> Iterator[str]:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "gpt"}
    for piece in pieces:
        delta = {"role": "assistant", "content": piece}
        yield _sse(chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    if not is_broken:
        yield _sse(chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        yield _sse(chunk | {"choices": []})
        yield "data: [DONE]\n\n"


def response(output: list[dict[str, Any]], *, status: str = "completed") -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_790_000_000,
        "model": "gpt",
        "status": status,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def _output(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def _response_events(pieces: list[str], is_broken: bool) -> Iterator[str]:
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    yield _sse({"type": "response.created", "response": response([], status="in_progress"), "sequence_number": 0})
    item = _output("") | {"status": "in_progress", "content": []}
    yield _sse({"type": "response.output_item.added", "output_index": 0, "item": item, "sequence_number": 1})
    part = {"type": "output_text", "text": "", "annotations": []}
    yield _sse({"type": "response.content_part.added", "part": part, "sequence_number": 2} | place)
    for piece in pieces:
        delta = {"type": "response.output_text.delta", "delta": piece, "logprobs": [], "sequence_number": 3}
        yield _sse(delta | place)
    if not is_broken:
        done = response([_output("".join(pieces))])
        yield _sse({"type": "response.completed", "response": done, "sequence_number": 4})


def message(content: list[dict[str, Any]], *, stop_reason: str | None = "end_turn") -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": USAGE,
    }


def _message_events(pieces: list[str], is_broken: bool) -> Iterator[str]:
    yield _sse({"type": "message_start", "message": message([], stop_reason=None)})
    yield _sse({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    for piece in pieces:
        delta = {"type": "text_delta", "text": piece}
        yield _sse({"type": "content_block_delta", "index": 0, "delta": delta})
    if not is_broken:
        yield _sse({"type": "content_block_stop", "index": 0})
        stop = {"stop_reason": "end_turn", "stop_sequence": None}
        yield _sse({"type": "message_delta", "delta": stop, "usage": USAGE})
        yield _sse({"type": "message_stop"})


def generated(parts: list[dict[str, Any]], **candidate: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0} | candidate]}


def _generated_events(pieces: list[str], is_broken: bool) -> Iterator[str]:
    for piece in pieces:
        yield _sse(generated([{"text": piece}]))
    if not is_broken:
        yield _sse({"candidates": [{"finishReason": "STOP", "index": 0}]})


# end of the path: a whole answer of a text, the events of a stream of texts
PROTOCOLS: dict[str, tuple[Any, Any]] = {
    "/chat/completions": (lambda text: completion({"content": text}), _chunks),
    "/responses": (lambda text: response([_output(text)]), _response_events),
    "/messages": (lambda text: message([{"type": "text", "text": text}]), _message_events),
    ":generateContent": (lambda text: generated([{"text": text}], finishReason="STOP"), _generated_events),
    ":streamGenerateContent": (None, _generated_events),
}
