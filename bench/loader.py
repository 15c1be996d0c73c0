"""The second process: sends requests over kept connections, so many at once, and tells what each took.

It imports nothing of the product. A line of JSON comes in for each slice of a run (see `bench.loading.Job`), one goes
out. A client sends its next request when its last was answered, for so many seconds or until there are none left.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from typing import Any

NO_ANSWER = 0
PATIENCE_SECONDS = 60.0


class Client(asyncio.Protocol):
    """One connection; `done` is set when it has nothing left to send."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.buffer = bytearray()
        self.sent: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def send(self) -> None:
        request = self.run.next()
        if request is None:
            self.finish()
        else:
            self.sent = time.perf_counter()
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if is_whole(self.buffer) and self.sent is not None:
            self.run.answered(bytes(self.buffer), time.perf_counter() - self.sent)
            self.buffer.clear()
            self.sent = None
            self.send()

    def connection_lost(self, error: Exception | None) -> None:
        if self.sent is not None:
            self.run.answered(b"", 0.0)
        self.finish()

    def finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


def is_whole(answer: bytearray) -> bool:
    """Whether an HTTP/1.1 answer has all of its body, by its length or by its last chunk."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = bytes(answer[:end]).lower()
    length = head.find(b"\r\ncontent-length:")
    if length >= 0:
        return len(answer) - end - 4 >= int(head[length + 17 :].split(b"\r\n", 1)[0])
    return answer.endswith(b"0\r\n\r\n") if b"chunked" in head else True


class Run:
    """What is left to send in a slice, and what was answered."""

    def __init__(self, requests: list[bytes], *, seconds: float, again: bool) -> None:
        self.left: Iterator[bytes] = cycle(requests) if again else iter(requests)
        self.milliseconds: list[float] = []
        self.outcomes: Counter[int] = Counter()
        self.failure = ""
        self.started = time.perf_counter()
        self.deadline = self.started + seconds

    def next(self) -> bytes | None:
        return next(self.left, None) if time.perf_counter() < self.deadline else None

    def answered(self, answer: bytes, seconds: float) -> None:
        status = int(answer[9:12]) if answer else NO_ANSWER
        self.outcomes[status] += 1
        if 200 <= status < 300:
            self.milliseconds.append(round(seconds * 1000, 3))
        else:
            self.failure = self.failure or answer[-300:].decode(errors="replace") or "no answer"


def wire(request: list[str], port: int) -> bytes:
    """[method, path, key, body] as it is sent."""
    method, path, key, body = request
    sent = body.encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"X-API-Key: {key}"]
    if sent:
        lines += ["Content-Type: application/json", f"Content-Length: {len(sent)}"]
    return "\r\n".join([*lines, "", ""]).encode() + sent


async def worked_off(job: dict[str, Any]) -> dict[str, Any]:
    requests = [wire(one, job["port"]) for one in job["requests"]]
    loop = asyncio.get_running_loop()
    run = Run(requests, seconds=job["seconds"], again=job["again"])
    made = [await loop.create_connection(lambda: Client(run), "127.0.0.1", job["port"]) for _ in range(job["clients"])]
    run.started, cpu = time.perf_counter(), time.process_time()
    run.deadline = run.started + job["seconds"]
    for _, client in made:
        client.send()
    await asyncio.wait([client.done for _, client in made], timeout=job["seconds"] + PATIENCE_SECONDS)
    took, spent = time.perf_counter() - run.started, time.process_time() - cpu
    for transport, client in made:
        if not client.done.done():
            run.outcomes[NO_ANSWER] += 1
            client.sent = None
        transport.close()
    found = {"seconds": took, "cpu": spent, "milliseconds": run.milliseconds, "outcomes": run.outcomes}
    return found | {"failure": run.failure}


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(asyncio.run(worked_off(json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
