"""How fast search answers over REST: `python -m bench.search FILE [--messages 20000]`.

FILE is a conversation set of LoCoMo: its messages are embedded once, copied in the database until there are as many as
asked for, all of one tenant, and asked its questions, each once, so that no answer comes from a cache: first by one
client, then by 32 at a time. The server is `manage.py up`, on the same machine.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import django
import requests

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")
CLIENTS = (1, 32)
WARM_UP = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--messages", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="memory-bench-") as folder:
        os.environ |= {"MEMORY_DATA_DIR": f"{folder}/data", "MEMORY_LOG_LEVEL": "ERROR"}
        django.setup()
        from django.conf import settings

        from memory_layer import embedded, stack
        from memory_layer.running import RunningStack

        with embedded.lease(settings.MEMORY_DATA_DIR):
            key = stack.prepare().api_key or ""
            fill(options.file, count=options.messages)
        with RunningStack(Path(folder), MEMORY_LOG_LEVEL="INFO") as running:
            running.wait_for("celery@.* ready")
            report(running.url, key, questions(options.file))


def questions(file: Path) -> list[str]:
    asked = [one["question"] for sample in json.loads(file.read_text()) for one in sample["qa"]]
    return list(dict.fromkeys(asked))


# --- Messages ---------------------------------------------------------------------------------------------------------


def fill(file: Path, *, count: int) -> None:
    from django.db import connection

    from memories import embedding, imports, ingest
    from memories.models import Message
    from memories.providers import embedding_provider
    from tenants.isolation import across_tenants
    from tenants.models import Tenant

    tenant = Tenant.objects.get(slug="default")
    with file.open("rb") as opened:
        records = imports.read(opened, form="locomo", tenant=tenant.slug, size=None).records
        messages = [record.message for record in records if record.message]
    for start in range(0, len(messages), 500):
        ingest.store(tenant, messages[start : start + 500])
    while embedding.embed_batch(embedding_provider()):
        pass
    with across_tenants():
        for number in range(-(-count // len(messages)) - 1):
            copy(tenant, number)
        print(f"{Message.objects.filter(tenant=tenant).count():,} messages in the tenant")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def copy(tenant: Any, number: int) -> None:
    """Everything of the tenant's first conversations once more, under new ids; to be called across all tenants."""
    from django.apps import apps
    from django.db import connection

    with connection.cursor() as cursor:
        for table, own in (
            ("conversation", "external_id NOT LIKE 'copy%%'"),
            ("message", "external_id LIKE 'locomo%%'"),
        ):
            cursor.execute(
                f"CREATE TEMP TABLE {table}_copy ON COMMIT DROP AS SELECT id AS old, uuidv7() AS new"  # noqa: S608
                f" FROM memories_{table} WHERE tenant_id = %s AND {own}",
                [tenant.pk],
            )
        for name in ("Conversation", "Message", "MessageEmbedding", "EmbeddingWindow", "Posting"):
            if name.lower() in apps.all_models["memories"]:
                cursor.execute(copying(apps.get_model("memories", name), number))
        cursor.execute("DROP TABLE conversation_copy; DROP TABLE message_copy")


def copying(model: Any, number: int) -> str:
    fields = [one for one in model._meta.concrete_fields if not one.generated]
    columns = [one.column for one in fields if one.get_internal_type() != "BigAutoField"]
    renewed = {"external_id": f"'copy{number}-' || one.external_id"}
    joins = ""
    for table in ("conversation", "message"):
        column = "id" if model._meta.model_name == table else f"{table}_id"
        if column in columns:
            renewed[column] = f"{table}_copy.new"
            joins += f" JOIN {table}_copy ON {table}_copy.old = one.{column}"
    values = ", ".join(renewed.get(column, f"one.{column}") for column in columns)
    table = model._meta.db_table
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} AS one{joins}"  # noqa: S608


# --- Asking -----------------------------------------------------------------------------------------------------------


def report(url: str, key: str, asked: list[str]) -> None:
    ask = partial(seconds, requests.Session(), url, key)
    for question in asked[:WARM_UP]:
        ask(question)
    rest = asked[WARM_UP:]
    alone, together = rest[: len(rest) // 3], rest[len(rest) // 3 :]
    for clients, share in zip(CLIENTS, (alone, together), strict=True):
        started = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            taken = list(pool.map(ask, share))
        rate = len(share) / (time.perf_counter() - started)
        p50, p95 = statistics.median(taken), statistics.quantiles(taken, n=20)[-1]
        figures = f"p50 {1000 * p50:5.0f} ms, p95 {1000 * p95:5.0f} ms, {rate:6.1f} searches/s"
        print(f"{clients:3} clients: {figures} ({len(share)})")


def seconds(session: requests.Session, url: str, key: str, question: str) -> float:
    started = time.perf_counter()
    answer = session.get(
        f"{url}/v1/memory/search", params={"query": question, "top_k": "10"}, headers={"X-API-Key": key}, timeout=60
    )
    answer.raise_for_status()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
