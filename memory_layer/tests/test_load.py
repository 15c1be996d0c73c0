"""Load from many clients: what was answered is what is told."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from memories.usage.embedded import percentile
from memory_layer.load import NO_ANSWER, Answer, Figures, Target, load


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Deployment)
        self.asked: list[tuple[str, str, bytes, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Deployment(BaseHTTPRequestHandler):
    """Stores everything, refuses every third search for its rate, and remembers what it was asked."""

    protocol_version = "HTTP/1.1"
    server: Server

    def answer(self, status: int) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path.partition("?")[0], body, self.headers["X-API-Key"]))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.answer(202)

    def do_DELETE(self) -> None:
        self.answer(204)

    def do_GET(self) -> None:
        searches = sum(method == "GET" for method, *_ in self.server.asked)
        self.answer(429 if searches % 3 == 2 else 200)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def deployment():
    with Server() as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def run(deployment, **options) -> str:
    out = StringIO()
    call_command("load_test", base_url=deployment.url, api_key="a-key", stdout=out, **options)
    return out.getvalue()


def test_as_many_requests_are_sent_as_were_asked_for(deployment):
    run(deployment, requests=40, concurrency=7)
    assert Counter(method for method, *_ in deployment.asked) == {"POST": 20, "GET": 20, "DELETE": 1}
    assert {key for *_, key in deployment.asked} == {"a-key"}


def test_no_two_requests_say_the_same(deployment):
    run(deployment, requests=20, concurrency=4, operation="store")
    texts = [json.loads(body)["content"] for method, _, body, _ in deployment.asked if method == "POST"]
    assert len(set(texts)) == 20


def test_what_was_stored_is_deleted_at_the_end(deployment):
    run(deployment, requests=4, concurrency=2, operation="store")
    stored = {json.loads(body)["conversation_id"] for method, _, body, _ in deployment.asked if method == "POST"}
    assert deployment.asked[-1][:2] == ("DELETE", f"/v1/conversations/{stored.pop()}")


def test_a_search_alone_stores_and_deletes_nothing(deployment):
    run(deployment, requests=3, concurrency=1, operation="search")
    assert {method for method, *_ in deployment.asked} == {"GET"}


def test_refusals_for_the_rate_are_counted(deployment, tmp_path):
    file = tmp_path / "figures.json"
    printed = run(deployment, requests=9, concurrency=1, operation="search", json=file)
    told = json.loads(file.read_text())["operations"]["search"]
    assert (told["requests"], told["rate_limited"], told["outcomes"]) == (9, 3, {"200": 6, "429": 3})
    assert "66.7%" in printed


def test_a_deployment_that_is_not_there_is_an_error(silent_address):
    with pytest.raises(CommandError, match="No request succeeded"):
        call_command("load_test", base_url=silent_address, api_key="k", requests=2, concurrency=1, stdout=StringIO())


def test_a_key_is_needed(monkeypatch):
    with pytest.raises(CommandError, match="Name a key"):
        call_command("load_test", api_key=None)


@pytest.mark.parametrize("number", ["0", "x", "1000001"])
def test_numbers_are_bounded(number):
    with pytest.raises(CommandError, match="expected a number"):
        call_command("load_test", f"--requests={number}", "--api-key=k")


def test_an_interruption_keeps_what_was_answered(deployment):
    target, seen = Target(deployment.url, api_key="k", tenant=None), []

    def interrupt(answer: Answer) -> None:
        seen.append(answer)
        if len(seen) == 5:
            raise KeyboardInterrupt

    answers = load(target, ["search"], requests=1000, concurrency=1, on_answer=interrupt)
    assert answers == seen


def test_percentiles_are_of_what_was_measured():
    assert [percentile(range(1, 101), share) for share in (0.5, 0.95, 0.99)] == [50, 95, 99]
    assert percentile([], 0.5) is None


def test_times_are_of_what_succeeded():
    figures = Figures.of([Answer("store", "202", 0.1), Answer("store", NO_ANSWER, 60.0)])
    assert figures.average == pytest.approx(100)
    assert figures.success_rate == 0.5


@pytest.fixture
def silent_address():
    """An address that nobody listens at."""
    from memory_layer.running import free_port

    return f"http://127.0.0.1:{free_port()}"
