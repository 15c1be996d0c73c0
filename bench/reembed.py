"""Another embedding model under search load: `python -m bench.reembed [--messages 50000]`.

A tenant is filled by the mock provider in 256 dimensions and re-embedded by the model of the settings (the bundled one:
384) beside `manage.py up`, while a second process searches without a pause. On the way the command is killed by
SIGKILL, later the worker; the command is then run again. At the end it goes back.

The mock has no meaning, so nothing is said of which model is better. What is measured is whether a search finds what
is nearest by the model that it went by: the recall@10 of each answer against the ten nearest vectors, measured
exactly, by the better of the two models. Searches are by meaning alone, among the ten nearest, and never cached.
"""

import argparse
import itertools
import multiprocessing
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from typing import TYPE_CHECKING, Any
from uuid import UUID

import requests

from bench import servers, words

if TYPE_CHECKING:
    from memory_layer.running import RunningStack
    from tenants.models import Tenant

KEY, OLD = "bench-key", "mock:bench:256"
BATCH, QUESTIONS, CLIENTS, TOP = 1_000, 100, 2, 10
PER_RETRIEVAL = 4  # candidates, one of which is from that by meaning (memories.search.retrieval)
KILL_COMMAND_AT, KILL_WORKER_AT = 0.25, 0.5  # of the messages
QUIET_SECONDS = 10.0  # of searches before and after
PATIENCE_SECONDS = 1_800.0
STACK = {"MEMORY_API_KEYS": KEY, "MEMORY_CACHE_SEARCH_TTL_SECONDS": "0"}
Nearest = Mapping[str, Sequence[set[str]]]


@dataclass(frozen=True)
class Answer:
    """To which question, when it was asked (of `time.time`), how many seconds it took; None if it failed."""

    question: int
    at: float
    seconds: float
    found: set[str] | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=50_000)
    options = parser.parse_args()
    with servers.folder(None, **STACK) as place:
        from memory_layer import stack

        stack.prepare()
        tenant = filled(options.messages)
        from memory_layer.running import RunningStack

        with RunningStack(place, **STACK, MEMORY_LOG_LEVEL="INFO") as running:
            running.wait_for("Memory Layer is up")
            running.wait_for("celery@.* ready")
            measure(running, tenant, count=options.messages)


def filled(count: int) -> "Tenant":
    """The tenant `default` with so many messages, embedded by the mock."""
    from django.conf import settings
    from django.db import connection

    from memories import embedding, ingest
    from memories.embedding_models import provider_of
    from memories.ingest import NewMessage
    from tenants import founding
    from tenants.models import Tenant

    tenant = founding.found_or_known("default")
    alone = dict.fromkeys(settings.MEMORY_RANKING_WEIGHTS, 0.0) | {"semantic": 1.0}
    Tenant.objects.filter(pk=tenant.pk).update(embedding_model=OLD, ranking_weights=alone)
    texts = words.sentences()
    for _ in range(0, count, BATCH):
        ingest.store(tenant, [NewMessage("bench", "user", text) for text in itertools.islice(texts, BATCH)])
    while embedding.embed_batch(provider_of(OLD)):
        pass
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    print(f"{count:,} messages by {OLD}", flush=True)
    return Tenant.objects.get(pk=tenant.pk)


def measure(running: "RunningStack", tenant: "Tenant", *, count: int) -> None:
    from memories.embedding_models import of_settings

    asked, marks = list(itertools.islice(words.questions(), QUESTIONS)), [time.time()]
    with searching(running.url, asked) as answers:
        time.sleep(QUIET_SECONDS)
        marks.append(time.time())
        change(running, tenant, count=count)
        marks.append(time.time())
        time.sleep(QUIET_SECONDS)
        marks.append(time.time())
        subprocess.run([*reembed("--rollback")], check=True, stdout=sys.stderr)
        print(f"went back in {time.time() - marks[-1]:.1f} s", flush=True)
        marks.append(time.time())
        time.sleep(QUIET_SECONDS)
        marks.append(time.time())
    nearest = {model: [exactly(tenant, model, question) for question in asked] for model in (OLD, of_settings())}
    names = ("before", "during", "after", "going back", "gone back")
    for name, (since, until) in zip(names, itertools.pairwise(marks), strict=True):
        report(name, [one for one in answers if since <= one.at < until], nearest)
    failed = sum(one.found is None for one in answers)
    print(f"failed searches: {failed} of {len(answers):,}", flush=True)
    if failed:
        raise SystemExit(1)


# --- The change -------------------------------------------------------------------------------------------------------


def reembed(*options: str) -> list[str]:
    return [sys.executable, str(servers.ROOT / "manage.py"), "reembed", "--tenant", "default", *options]


def change(running: "RunningStack", tenant: "Tenant", *, count: int) -> None:
    """Begin, kill the command, kill the worker, begin again; until it is done."""
    from django.conf import settings

    started, begin = time.time(), reembed("--provider", settings.MEMORY_EMBEDDING_PROVIDER)
    command = subprocess.Popen(begin, stdout=sys.stderr)
    wait_for(lambda: embedded(tenant), KILL_COMMAND_AT * count, what=command)
    command.send_signal(signal.SIGKILL)
    command.wait()
    say("the command was killed", tenant, started)
    wait_for(lambda: embedded(tenant), KILL_WORKER_AT * count)
    for process in (worker := running.child("worker")).children(recursive=True):
        process.kill()
    worker.kill()
    say("the workers went on; they were killed", tenant, started)
    subprocess.run(begin, stdout=sys.stderr, check=True)
    say("done", tenant, started)


def embedded(tenant: "Tenant") -> int:
    from memories.embedding_models import of_settings
    from memories.models import MessageEmbedding
    from tenants.isolation import tenant_scope

    with tenant_scope(tenant):
        return MessageEmbedding.objects.filter(tenant=tenant, model=of_settings(), status="completed").count()


def wait_for(current: Any, goal: float, *, what: "subprocess.Popen[bytes] | None" = None) -> None:
    end = time.time() + PATIENCE_SECONDS
    while current() < goal:
        if time.time() > end or (what and what.poll() is not None):
            raise SystemExit(f"{current():,} of {goal:,.0f}, and no further")
        time.sleep(0.2)


def say(what: str, tenant: "Tenant", started: float) -> None:
    from tenants.models import Tenant

    serving = Tenant.objects.get(pk=tenant.pk).embedding_model
    print(f"{time.time() - started:6.1f} s: {what}; {embedded(tenant):,} embedded, searched by {serving}", flush=True)


# --- Searches ---------------------------------------------------------------------------------------------------------


@contextmanager
def searching(url: str, asked: Sequence[str]) -> Iterator[list[Answer]]:
    """A second process asks all the while; what it was answered is in the list at the end."""
    spawn, answers = multiprocessing.get_context("spawn"), list[Answer]()
    over, told = spawn.Event(), spawn.Queue()
    client = spawn.Process(target=ask_all_the_while, args=(url, asked, over, told), daemon=True)
    client.start()
    try:
        yield answers
    finally:
        over.set()
        answers += told.get(timeout=60)
        client.join()


def ask_all_the_while(url: str, asked: Sequence[str], over: Event, told: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = pool.map(lambda first: _ask(url, asked, over, first=first), range(CLIENTS))
        told.put([one for part in answers for one in part])


def _ask(url: str, asked: Sequence[str], over: Event, *, first: int) -> list[Answer]:
    answers, session = list[Answer](), requests.Session()
    session.headers["X-API-Key"] = KEY
    for number in itertools.cycle([*range(first, len(asked), CLIENTS)]):
        if over.is_set():
            return answers
        at = time.time()
        answers.append(Answer(number, at, 0.0, _found(session, url, asked[number])))
        answers[-1] = Answer(number, at, time.time() - at, answers[-1].found)
    return answers


def _found(session: requests.Session, url: str, question: str) -> set[str] | None:
    wanted = {"query": question, "mode": "semantic", "top_k": str(TOP), "candidate_limit": str(PER_RETRIEVAL * TOP)}
    try:
        answer = session.get(f"{url}/v1/memory/search", params=wanted, timeout=60)
    except requests.RequestException:
        return None
    if not answer.ok or answer.json()["degraded"]:
        return None
    return {hit["message_id"] for hit in answer.json()["items"]}


# --- Recall -----------------------------------------------------------------------------------------------------------


def exactly(tenant: "Tenant", model: str, question: str) -> set[str]:
    """The ids of the nearest messages, of all vectors of the model."""
    from django.db import connection
    from pgvector import HalfVector

    from memories.embedding_models import provider_of
    from tenants.isolation import tenant_scope

    vector = HalfVector(provider_of(model).embed_query(question)).to_text()
    with tenant_scope(tenant), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off")
        cursor.execute(
            "SELECT message_id FROM (SELECT message_id, min(vector <=> %s::halfvec) AS distance"
            " FROM memories_embeddingwindow WHERE tenant_id = %s AND model = %s GROUP BY message_id) AS measured"
            " ORDER BY distance, message_id LIMIT %s",
            [vector, tenant.pk, model, TOP],
        )
        rows: list[tuple[UUID]] = cursor.fetchall()
    return {str(pk) for (pk,) in rows}


def report(name: str, answers: Sequence[Answer], nearest: Nearest) -> None:
    """The recall of each is by the model that explains its answer better: which one it went by, nobody says."""
    good = [one for one in answers if one.found is not None]
    recalls = [max(len(one.found & of[one.question]) for of in nearest.values()) / TOP for one in good if one.found]
    if not recalls:
        print(f"{name:>10}: no search")
        return
    by_new = sum(len(one.found & [*nearest.values()][1][one.question]) > TOP / 2 for one in good if one.found)
    took = sorted(1000 * one.seconds for one in good)
    print(
        f"{name:>10}: {len(answers):6,} searches, {len(answers) - len(good)} failed, {by_new / len(good):.0%} by the"
        f" new model, recall@10 {statistics.mean(recalls):.4f} (least {min(recalls):.1f}),"
        f" p50 {statistics.median(took):.0f} ms, p95 {took[int(0.95 * len(took))]:.0f} ms",
        flush=True,
    )


if __name__ == "__main__":
    main()
