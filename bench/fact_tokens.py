"""What an ingested turn costs a language model, by the pause of a session: `python -m bench.fact_tokens`.

The turns of docs/samples go through the product's own ingest and extraction at a tenth of the pace of people: an answer
0.3 seconds after its question, the next question 1.2 seconds later. The model is a stand-in on loopback that finds no
fact and counts four characters of the request, instructions and schema included, as a token.
"""

import json
import os
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from tenants.models import Tenant

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")
TURNS = 40
ANSWER_AFTER, QUESTION_AFTER = 0.3, 1.2
PAUSES = (0.0, 0.3, 1.0, 2.0)
CHARACTERS_OF_A_TOKEN = 4
SAMPLE = Path("docs/samples/conversation.jsonl")


class StandIn(BaseHTTPRequestHandler):
    """Speaks OpenAI's protocol."""

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        tokens = {"prompt_tokens": len(sent) // CHARACTERS_OF_A_TOKEN, "completion_tokens": 5}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": '{"facts": []}'}}
        usage = tokens | {"total_tokens": sum(tokens.values())}
        body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *args: Any) -> None:
        """Silence."""


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="memory-bench-") as folder,
        ThreadingHTTPServer(("127.0.0.1", 0), StandIn) as server,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        os.environ |= {
            "MEMORY_DATA_DIR": folder,
            "MEMORY_LOG_LEVEL": "ERROR",
            "MEMORY_EMBEDDING_PROVIDER": "mock",
            "MEMORY_LLM_PROVIDER": "openai",
            "MEMORY_LLM_BASE_URL": f"http://127.0.0.1:{server.server_port}/v1",
        }
        django.setup()
        measure()
        server.shutdown()


def measure() -> None:
    from django.conf import settings

    from memory_layer import embedded, stack
    from tenants.models import Tenant

    with embedded.lease(settings.MEMORY_DATA_DIR):
        stack.prepare()
        for pause in PAUSES:
            settings.MEMORY_EXTRACTION_DEBOUNCE_SECONDS = pause
            report(Tenant.objects.create(slug=f"pause-{pause}"), pause)


def report(tenant: "Tenant", pause: float) -> None:
    from django.db.models import Sum

    from memories.models import TokenSpend
    from tenants.isolation import tenant_scope

    over = threading.Event()
    reader = threading.Thread(target=work_off_until, args=(over,))
    reader.start()
    talk(tenant)
    over.set()
    reader.join()
    with tenant_scope(tenant):
        spent = TokenSpend.objects.filter(tenant=tenant).aggregate(calls=Sum("calls"), tokens=Sum("input_tokens"))
    each = spent["tokens"] / TURNS
    print(f"pause {10 * pause:4.0f} s of people's time: {spent['calls']:3} calls, {each:5.0f} tokens a turn")


def talk(tenant: "Tenant") -> None:
    from memories.ingest import NewMessage, ingest_turn

    said = [json.loads(line) for line in SAMPLE.read_text().splitlines()[:TURNS]]
    for number, turn in enumerate(said):
        role = "assistant" if number % 2 else "user"
        ingest_turn(tenant, NewMessage("talk", role, turn["content"], user_id="maya"))
        time.sleep(QUESTION_AFTER if number % 2 else ANSWER_AFTER)


def work_off_until(over: threading.Event) -> None:
    """Jobs as they become due, as a worker does them; all that are left at the end."""
    from memories.embedding_models import provider_for
    from memories.facts.reading import reader
    from memories.facts.working import FLOWS, work_off
    from memories.jobs.claims import seconds_until_next

    while not over.is_set() or seconds_until_next(FLOWS) is not None:
        while work_off(reader=reader(), provider_for=provider_for):
            pass
        time.sleep(0.02)


if __name__ == "__main__":
    main()
