"""What the service takes, on disk and in memory: `python -m bench.size FILE [--messages 100000]`.

FILE is a conversation set of LoCoMo, embedded once and copied until there are as many messages as asked for. Disk: each
table and its indexes after a VACUUM, in bytes a message. Memory: each part of `manage.py up`, first when it has just
started, then when messages have been searched for, stored and embedded; what is shared is divided (PSS).
"""

import argparse
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import django
import psutil
import requests

from bench.search import fill, questions, seconds

if TYPE_CHECKING:
    from memory_layer.running import RunningStack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")
SIZES = """
SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY pg_total_relation_size(oid) DESC LIMIT 6
"""
MEGABYTE = 1_000_000
ASKED, CLIENTS = 200, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--messages", type=int, default=100_000)
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
            report_tables()
        with RunningStack(Path(folder), MEMORY_LOG_LEVEL="INFO") as running:
            running.wait_for("celery@.* ready")
            report_memory("just started", running)
            work(running, key, questions(options.file)[:ASKED])
            report_memory("after work", running)


def report_tables() -> None:
    from django.db import connection

    from memories.models import Message
    from tenants.isolation import across_tenants

    with across_tenants():
        count = Message.objects.count()
    with connection.cursor() as cursor:
        cursor.execute(SIZES)
        for name, table, indexes in cursor.fetchall():
            print(f"{name:32} table {table / count:6,.0f}  indexes {indexes / count:6,.0f} bytes a message")
        cursor.execute("SELECT pg_database_size(current_database())")
        ((size,),) = cursor.fetchall()
    print(f"{'database':32} {size / MEGABYTE:,.0f} MB, {size / count:,.0f} bytes a message")


def work(running: "RunningStack", key: str, asked: list[str]) -> None:
    """Search from several clients at once, and store a batch that the worker embeds."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(partial(seconds, requests.Session(), running.url, key), asked))
    messages = [{"conversation_id": "size", "role": "user", "content": text} for text in asked]
    body = {"messages": messages}
    requests.post(f"{running.url}/v1/messages/batch", json=body, headers={"X-API-Key": key}, timeout=60)
    running.wait_for("batch")


def report_memory(when: str, running: "RunningStack") -> None:
    parts = {name: running.child(word) for name, word in (("API", "granian"), ("worker", "worker"), ("beat", "beat"))}
    families = {name: [part, *part.children(recursive=True)] for name, part in parts.items()}
    families["up"] = [psutil.Process(running.process.pid)]
    for program in ("postgres", "redis-server"):
        families[program] = [one for one in psutil.process_iter(["name", "cwd"]) if is_of(one, program, running)]
    for name, processes in families.items():
        held = sum(one.memory_full_info().pss for one in processes)
        print(f"{when}: {name:14} {held / MEGABYTE:6,.0f} MB in {len(processes)} processes")


def is_of(process: psutil.Process, program: str, running: "RunningStack") -> bool:
    return bool(process.info["name"] == program and str(running.data_dir) in (process.info["cwd"] or ""))


if __name__ == "__main__":
    main()
