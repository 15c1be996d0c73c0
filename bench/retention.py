"""Retention over a year of history: `python -m bench.retention [--messages N] [--tenants N]`.

Messages of all ages, with overrides, holds, pins and archived rows, are made for many tenants in a stack of its own.
Then: dry run against real run, a run killed in the middle against an undisturbed one, what a run costs those who store
and search meanwhile, and how its speed changes from 10,000 rows of a tenant to all.
"""

import argparse
import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import requests

from memory_layer.supervisor import python

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")
KEY = "bench-key-of-the-retention-benchmark"
HISTORY = """
INSERT INTO memories_message (id, tenant_id, conversation_id, role, content, metadata, importance_override,
    stored_importance, created_at, updated_at, archived_at)
SELECT gen_random_uuid(), %(tenant)s, (%(talks)s::uuid[])[1 + n %% %(count)s],
    (ARRAY['user', 'assistant', 'user', 'assistant', 'tool', 'system'])[1 + (random() * 5)::int],
    'message ' || n || ' of ' || %(slug)s || ': ' || repeat(md5(n::text) || ' ', 1 + n %% 12), '{}',
    CASE WHEN random() < 0.3 THEN random() END, 0.5, made, made,
    CASE WHEN random() < 0.2 THEN least(now(), made + random() * (now() - made)) END
FROM (SELECT n, now() - 365 * random() * interval '1 day' AS made FROM generate_series(1, %(messages)s) AS n) AS rows
"""
STATES = """
INSERT INTO memories_messageembedding (tenant_id, message_id, model, status, attempts, due_at, error, completed_at)
SELECT tenant_id, id, %(model)s, 'completed', 1, now(), '', now() FROM memories_message
"""
VECTORS = """
INSERT INTO memories_embeddingwindow (tenant_id, message_id, model, position, vector)
SELECT tenant_id, id, %(model)s, 0, %(vector)s::vector FROM memories_message
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--tenants", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="memory-bench-") as folder:
        os.environ |= {
            "MEMORY_DATA_DIR": f"{folder}/data",
            "MEMORY_LOG_LEVEL": "WARNING",
            "MEMORY_API_KEYS": KEY,
            "MEMORY_RETENTION_TENANTS": "nobody",
        }
        django.setup()
        from memory_layer.running import RunningStack

        variables = {"MEMORY_API_KEYS": KEY, "MEMORY_RETENTION_TENANTS": "nobody"}
        with RunningStack(Path(folder), **variables) as stack:
            stack.wait_for("Memory Layer is up")
            report(stack.url, tenants=options.tenants, messages=options.messages)


def report(url: str, *, tenants: int, messages: int) -> None:
    from retention import runs

    everyone = [make_tenant(f"tenant-{n}", messages // tenants) for n in range(tenants)]
    print(f"{messages:,} messages of {tenants} tenants made, a year of history")
    agreement(everyone)
    killed(everyone[0], messages // tenants)
    runs.REST = 0.0
    growth(sorted({n for n in (10_000, 50_000, messages) if n <= messages}))
    runs.REST = 1.0
    company(url, messages // 4)


# --- What is made -------------------------------------------------------------------------------------------------


def make_tenant(slug: str, messages: int, *, seed: float = 0.5) -> Any:
    from django.db import connection

    from memories.models import Conversation
    from memories.providers import embedding_provider
    from memories.providers.base import model_key
    from tenants.isolation import tenant_scope
    from tenants.models import Tenant

    tenant = Tenant.objects.create(slug=slug)
    model = model_key(embedding_provider())
    with tenant_scope(tenant), connection.cursor() as cursor:
        talks = Conversation.objects.bulk_create(
            Conversation(tenant=tenant, external_id=f"talk-{n}") for n in range(max(1, messages // 200))
        )
        cursor.execute("SELECT setseed(%s)", [seed])
        values: dict[str, Any] = {
            "tenant": tenant.pk,
            "talks": [one.pk for one in talks],
            "count": len(talks),
            "slug": slug,
        }
        cursor.execute(HISTORY, {**values, "messages": messages})
        cursor.execute(STATES, {"model": model})
        cursor.execute(VECTORS, {"model": model, "vector": str([0.05] * 384)})
        protect(tenant)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does a minute later
    return tenant


def protect(tenant: Any) -> None:
    """Every tenant has a conversation on legal hold, and 1 in 100 messages pinned."""
    from memories.models import Conversation, Hold, Message

    Hold.objects.create(tenant=tenant, conversation=Conversation.objects.for_tenant(tenant).first())
    ids = Message.objects.for_tenant(tenant).order_by("pk").values_list("pk", flat=True)
    Hold.objects.bulk_create(Hold(tenant=tenant, kind="pin", message_id=pk) for pk in ids[:: max(1, len(ids) // 100)])


# --- Dry run and real run -----------------------------------------------------------------------------------------


def agreement(tenants: list[Any]) -> None:
    from django.utils import timezone

    now, started = timezone.now(), time.perf_counter()
    planned = {tenant: items(begin(tenant, dry_run=True, now=now)) for tenant in tenants}
    print(f"dry runs: {sum(map(len, planned.values())):,} items in {time.perf_counter() - started:.1f} s")
    before = {tenant: protected(tenant) for tenant in tenants}
    started = time.perf_counter()
    real = {tenant: begin(tenant, dry_run=False, now=now) for tenant in tenants}
    same = all(items(real[tenant]) == planned[tenant] for tenant in tenants)
    for run in real.values():
        execute(run)
    for run in real.values():
        wait_for(run)  # the stack's worker takes up what nobody works on for a minute
    done = {name: sum(getattr(run, name) for run in real.values()) for name in ("archived", "deleted", "skipped")}
    print(f"real runs: {done} in {time.perf_counter() - started:.1f} s; same ids and reasons as the dry runs: {same}")
    untouched = all(protected(tenant) == rows for tenant, rows in before.items())
    print(f"held and pinned rows untouched: {untouched}, {sum(map(len, before.values())):,} rows")
    again = sum(begin(tenant, dry_run=False, now=now).total for tenant in tenants)
    print(f"second real runs: {again} items")


def begin(tenant: Any, **options: Any) -> Any:
    from retention import runs

    return runs.begin(tenant, trigger="command", **options)


def execute(run: Any) -> None:
    from retention import runs

    runs.execute(run)


def wait_for(run: Any) -> None:
    from tenants.isolation import tenant_scope

    while run.status == "running":
        time.sleep(0.2)
        with tenant_scope(run.tenant):
            run.refresh_from_db()


def items(run: Any) -> set[Any]:
    from tenants.isolation import tenant_scope

    with tenant_scope(run.tenant):
        return set(run.items.values_list("message_id", "action", "reason"))


def protected(tenant: Any) -> list[Any]:
    from memories.models import Hold, Message
    from tenants.isolation import tenant_scope

    with tenant_scope(tenant):
        held = Message.objects.for_tenant(tenant).filter(Hold.objects.for_tenant(tenant).reach())
        return list(held.order_by("pk").values_list("pk", "archived_at", "updated_at"))


# --- Killed -------------------------------------------------------------------------------------------------------


def killed(like: Any, messages: int) -> None:
    """Two tenants of the same rows: one run undisturbed, the other killed in the middle and begun again."""
    from django.utils import timezone

    from memories.models import Job
    from tenants.isolation import tenant_scope

    now = timezone.now()
    undisturbed, disturbed = (copy(like, name) for name in ("undisturbed", "disturbed"))
    for tenant in (undisturbed, disturbed):
        age_again(tenant)
    execute(begin(undisturbed, dry_run=False, now=now))
    run = begin(disturbed, dry_run=False, now=now)
    command = python("manage.py", "run_retention", "--tenant", "disturbed", "--enforce")
    worker = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    while True:
        with tenant_scope(disturbed):
            run.refresh_from_db()
        if run.progress > 0.4:
            break
        time.sleep(0.02)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    with tenant_scope(disturbed):
        Job.objects.filter(pk=run.pk).update(due_at=timezone.now())  # minutes later by itself
    at = f"{run.archived + run.deleted:,} of {run.total:,}"
    execute(run)
    same = state(disturbed) == state(undisturbed)
    print(f"killed at {at}, begun again: the same state as undisturbed: {same} ({messages:,} rows)")


def copy(tenant: Any, slug: str) -> Any:
    """A tenant with the same messages under ids that sort the same."""
    from django.db import connection

    from memories.models import Conversation
    from tenants.isolation import across_tenants
    from tenants.models import Tenant

    made = Tenant.objects.create(slug=slug)
    with across_tenants(), connection.cursor() as cursor:
        talk = Conversation.objects.create(tenant=made, external_id="talk")
        cursor.execute(
            "INSERT INTO memories_message (id, tenant_id, conversation_id, role, content, metadata,"
            " importance_override, stored_importance, created_at, updated_at, archived_at)"
            " SELECT md5(%s || id::text)::uuid, %s, %s, role, content, metadata, importance_override,"
            " stored_importance, created_at, updated_at, NULL FROM memories_message WHERE tenant_id = %s",
            [slug, made.pk, talk.pk, tenant.pk],
        )
    return made


def age_again(tenant: Any) -> None:
    """Some archived long ago, by what they say, so that both copies have the same."""
    from django.db import connection

    from tenants.isolation import tenant_scope

    with tenant_scope(tenant), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE memories_message SET archived_at = created_at + interval '1 day'"
            " WHERE hashtext(content) %% 5 = 0 AND tenant_id = %s",
            [tenant.pk],
        )


def state(tenant: Any) -> Any:
    from django.db import connection

    from tenants.isolation import tenant_scope

    with tenant_scope(tenant), connection.cursor() as cursor:
        cursor.execute(
            "SELECT md5(string_agg(content || coalesce(archived_at::text, ''), ',' ORDER BY content)), count(*)"
            " FROM memories_message WHERE tenant_id = %s",
            [tenant.pk],
        )
        return cursor.fetchone()


# --- Speed --------------------------------------------------------------------------------------------------------


def growth(sizes: list[int]) -> None:
    for size in sizes:
        tenant = make_tenant(f"of-{size}", size)
        started = time.perf_counter()
        run = begin(tenant, dry_run=False)
        planned = time.perf_counter()
        execute(run)
        ended = time.perf_counter()
        done = run.archived + run.deleted
        print(
            f"{size:>8,} rows: planned in {planned - started:.2f} s ({size / (planned - started):,.0f} rows/s), "
            f"{done:,} messages done in {ended - planned:.1f} s ({done / (ended - planned):,.0f} messages/s, no pauses)"
        )


# --- In company ---------------------------------------------------------------------------------------------------


def company(url: str, messages: int) -> None:
    """p95 of stores and searches of another tenant: alone, while a run works, alone again."""
    busy = make_tenant("busy", messages)
    client = Client(url)
    client.warm_up()
    alone = [client.measure()]
    with running(busy) as is_over:
        meanwhile = client.measure(until=is_over)
    alone.append(client.measure())
    for name in ("store", "search"):
        before, after = (statistics.quantiles(one[name], n=20)[18] for one in alone)
        during = statistics.quantiles(meanwhile[name], n=20)[18]
        ratio = during / ((before + after) / 2)
        print(
            f"{name}: p95 alone {before * 1000:.0f} and {after * 1000:.0f} ms, during a run {during * 1000:.0f} ms: "
            f"{ratio:.2f} times ({len(meanwhile[name])} requests meanwhile)"
        )


class Client:
    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers["X-API-Key"] = KEY

    def warm_up(self) -> None:
        for _ in range(20):
            self._once()

    def measure(self, until: Callable[[], bool] | None = None, count: int = 200) -> dict[str, list[float]]:
        times: dict[str, list[float]] = {"store": [], "search": []}
        while not until() if until else len(times["store"]) < count:
            for name, seconds in self._once().items():
                times[name].append(seconds)
        return times

    def _once(self) -> dict[str, float]:
        body = {"tenant_id": "guest", "conversation_id": "c", "role": "user", "content": f"I was at {time.time()}."}
        query = {"tenant_id": "guest", "query": f"Where was I at {time.time()}?"}
        return {
            "store": self._timed("POST", "/v1/messages", json=body),
            "search": self._timed("GET", "/v1/memory/search", params=query),
        }

    def _timed(self, method: str, path: str, **options: Any) -> float:
        started = time.perf_counter()
        self.session.request(method, self.url + path, **options).raise_for_status()
        return time.perf_counter() - started


@contextmanager
def running(tenant: Any) -> Iterator[Callable[[], bool]]:
    """A run of `tenant` in a process of its own; yields what tells whether it is over."""
    command = python("manage.py", "run_retention", "--tenant", tenant.slug, "--enforce")
    worker = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield lambda: worker.poll() is not None
    finally:
        worker.wait()


if __name__ == "__main__":
    main()
