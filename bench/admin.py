"""How fast the admin is over many messages: `python -m bench.admin [--messages 1000000]`.

A year of ten tenants is made by SQL in a database of its own, most of it of one tenant. Then every list of the admin is
asked for, plain and under each of its filters, searched, sorted, paged, over all tenants and within the biggest one,
and a page of each model: through Django's test client, by a database login that row-level security binds. What takes
over QUERIES queries or a median of MILLISECONDS is named at the end, and the exit status is then 1.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")
QUERIES, MILLISECONDS = 10, 300
TIMES, ROUNDS = 5, 3  # what is over its limit is measured again: the machine may have been busy with something else
ROWS = Path(__file__).with_name("admin_rows.sql")
WORDS = {"told": 1, "length": 1, "garden": 4, "train": 5, "music": 7, "boiler": 1_000, "lisbon": 100_000}


@dataclass(frozen=True)
class Measured:
    """An address: how many queries it took, and the milliseconds of TIMES requests, the best of up to ROUNDS rounds."""

    address: str
    queries: int
    times: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def is_over(self) -> bool:
        return self.queries > QUERIES or self.median > MILLISECONDS

    def __str__(self) -> str:
        slowest = max(self.times)
        return f"{self.queries:3} queries, median {self.median:4.0f} ms, worst {slowest:4.0f} ms  {self.address}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--only", default="", help="of the addresses, those with this in them")
    parser.add_argument("--data", type=Path, help="keep the database in this folder, or use the one that is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="memory-bench-") as folder:
        data = options.data or Path(folder)
        os.environ |= {"MEMORY_DATA_DIR": str(data), "MEMORY_LOG_LEVEL": "ERROR", "MEMORY_EMBEDDING_PROVIDER": "mock"}
        django.setup()
        from memory_layer import embedded, stack

        with embedded.lease(data, durable=False):
            stack.prepare()
            fill(options.messages)
            sys.exit(report(options.only))


# --- Rows -------------------------------------------------------------------------------------------------------------


def fill(messages: int) -> None:
    """Unless they are there already. The superuser of the embedded server is bound by no policy and no trigger."""
    import psycopg
    from django.conf import settings

    from memories.embedding_models import of_settings
    from memories.ranking.words import terms

    with psycopg.connect(settings.DATABASE_URL, user="postgres", autocommit=True) as database:
        if database.execute("SELECT 1 FROM tenants_tenant WHERE slug = 'bench-0'").fetchone():
            return
        started = time.perf_counter()
        database.execute("SET session_replication_role = replica")
        database.execute("CREATE TEMP TABLE size (messages bigint, model text)")
        database.execute("INSERT INTO size VALUES (%s, %s)", [messages, of_settings()])
        database.execute("CREATE TEMP TABLE word (spelled text, term text, every bigint)")
        for word, every in WORDS.items():
            stem = terms(word, language="english")[0]
            database.execute("INSERT INTO word VALUES (%s, %s, %s)", [word, stem, every])
        database.execute(ROWS.read_bytes())
        database.execute("VACUUM ANALYZE")
        print(f"{messages:,} messages made in {time.perf_counter() - started:.0f} s")


# --- Measuring --------------------------------------------------------------------------------------------------------


def report(only: str) -> int:
    """Measure and print it all; 1 if anything is over its limit."""
    client, found = log_in(), []
    for address in addresses():
        if only in address:
            found.append(measure(client, address))
            print(found[-1], flush=True)
    over = [one for one in found if one.is_over]
    times = [one.median for one in found]
    print(f"{len(found)} addresses: median {statistics.median(times):.0f} ms, slowest {max(times):.0f} ms")
    print(f"at most {max(one.queries for one in found)} queries", *(f"over the limit: {one}" for one in over), sep="\n")
    return bool(over)


def log_in() -> Any:
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="admin"))
    return client


def addresses() -> Iterator[str]:
    from django.contrib.auth.models import User
    from django.utils import timezone

    from memories.models import Conversation
    from memory_layer.tests import admin_addresses
    from tenants.isolation import across_tenants
    from tenants.models import EndUser, Tenant

    user = User.objects.get(username="admin")
    with across_tenants():
        tenant = Tenant.objects.get(slug="bench-0")
        talk = Conversation.objects.filter(tenant=tenant).earliest("pk")
        chosen: dict[Any, Any] = {Tenant: tenant, Conversation: talk, EndUser: talk.end_user}
        terms = ("told", "garden", "lisbon", "garden boiler", "nowhere", str(talk.pk), talk.external_id)
        day = f"{timezone.now() - timedelta(days=180):%Y-%m-%d}"
        for model in admin_addresses.models():
            yield from admin_addresses.lists(model, user, chosen=chosen, terms=terms, day=day)
            if row := model._default_manager.order_by("-pk").first():  # noqa: SLF001
                yield admin_addresses.page_of(row)


def measure(client: Any, address: str) -> Measured:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from memory_layer.tests import admin_addresses

    with CaptureQueriesContext(connection) as made:
        seconds(client, address)
    queries, rounds = admin_addresses.queries(made), list[list[float]]()
    while len(rounds) < ROUNDS and not any(statistics.median(times) <= MILLISECONDS for times in rounds):
        rounds.append([1000 * seconds(client, address) for _ in range(TIMES)])
    return Measured(address, queries, min(rounds, key=statistics.median))


def seconds(client: Any, address: str) -> float:
    started = time.perf_counter()
    response = client.get(address)
    if response.status_code != 200:
        raise SystemExit(f"{response.status_code}: {address}")
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
