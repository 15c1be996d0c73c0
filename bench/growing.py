"""What `bench.growth` does: fill, time searches, compare with exact search."""

import argparse
import itertools
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial

from django.utils import timezone

from bench import comparing, raw, words
from bench.comparing import Compared
from bench.corpus import Corpus
from bench.data import settle
from bench.progress import tell
from bench.rows import Database, Filler, users
from memories.providers import embedding_provider
from memories.search import Query, search
from memories.usage.embedded import percentile
from memory_layer import stack
from tenants.isolation import tenant_scope
from tenants.models import Tenant

LARGEST_SHARE = 0.2
WARM_UP = 100
BY_SIZE, LARGEST = "tenants by size", "the largest tenant"


@dataclass(frozen=True)
class Timed:
    """Searches at one size, in milliseconds; `growth`: of the p95, over that of the first size."""

    messages: int
    mix: str
    searches: int
    p50: float
    p95: float
    p99: float
    growth: float

    def __str__(self) -> str:
        times = f"p50 {self.p50:7.1f}  p95 {self.p95:7.1f}  p99 {self.p99:7.1f} ms"
        return f"{self.messages:>10,} vectors  {self.mix:18}  {times}  p95 × {self.growth:.2f}  ({self.searches})"


def run(options: argparse.Namespace) -> None:
    stack.prepare()
    tell(f"embedding {options.sentences:,} sentences…")
    filler = Filler(raw.connected(), Corpus.of(embedding_provider(), size=options.sentences))
    tenants = [Tenant.objects.get_or_create(slug=f"growth-{n}")[0] for n in range(options.tenants)]
    timed: list[Timed] = []
    for total in options.messages:
        if sum(sizes(filler.database).values()) > 1.01 * total:
            tell(f"more than {total:,} messages are there already: nothing to be timed")
            continue
        grow(filler, tenants, total)
        timed += time_searches(tenants, total, count=options.searches, before=timed)
    compared = compare(filler.database, tenants, questions=options.questions)
    if options.json:
        found = {"searches": [asdict(one) for one in timed], "recall": [asdict(one) for one in compared]}
        options.json.write_text(json.dumps(found, indent=1) + "\n")


# --- Growing ----------------------------------------------------------------------------------------------------------


def grow(filler: Filler, tenants: Sequence[Tenant], total: int) -> None:
    started, there = time.perf_counter(), sizes(filler.database)
    for number, (tenant, wanted) in enumerate(zip(tenants, shares(total, len(tenants)), strict=True)):
        missing = wanted - there.get(tenant.slug, 0)
        if missing > 0:
            names = [f"user-{total}-{n}" for n in range(1 + missing // 1_000)]
            people = users(tenant, names, database=filler.database)
            filler.fill(tenant, missing, users=people)
        if number % 100 == 0 or missing > 20_000:
            tell(f"{number + 1} of {len(tenants)} tenants filled")
    tell(f"{total:,} messages, filled in {time.perf_counter() - started:.0f} s; vacuum, analyze, indexes…")
    settle(filler.database)
    tell("settled")


def shares(total: int, tenants: int) -> list[int]:
    """How many messages each tenant has, by Zipf's rule with the exponent that gives the first LARGEST_SHARE of all."""
    low, high = 0.0, 5.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 / sum(_weights(tenants, middle)) < LARGEST_SHARE else (low, middle)
    weights = _weights(tenants, low)
    return [max(1, round(total * weight / sum(weights))) for weight in weights]


def _weights(tenants: int, exponent: float) -> list[float]:
    return [rank**-exponent for rank in range(1, tenants + 1)]


def sizes(database: Database) -> dict[str, int]:
    found = database.execute(
        "SELECT slug, count(*) FROM memories_message JOIN tenants_tenant ON tenant_id = tenants_tenant.id GROUP BY slug"
    )
    return dict(found.fetchall())


# --- Searching --------------------------------------------------------------------------------------------------------


def time_searches(tenants: Sequence[Tenant], total: int, *, count: int, before: Sequence[Timed]) -> Iterator[Timed]:
    for tenant in tenants:
        tenant.refresh_from_db()
    # What was never read comes from the disk. Each tenant was asked before, as in a service that has run for a while.
    before_by_mix = {BY_SIZE: tenants, LARGEST: [tenants[0]] * WARM_UP}
    for mix, chosen in ((BY_SIZE, by_size(tenants)), (LARGEST, itertools.repeat(tenants[0]))):
        for tenant in before_by_mix[mix]:
            timed(tenant)
        taken = sorted(timed(tenant) for tenant in itertools.islice(chosen, count))
        p50, p95, p99 = (percentile(taken, share) or 0.0 for share in (0.5, 0.95, 0.99))
        first = next((one.p95 for one in before if one.mix == mix), p95)
        found = Timed(total, mix, count, p50, p95, p99, growth=p95 / first)
        print(found, flush=True)
        yield found


def by_size(tenants: Sequence[Tenant]) -> Iterator[Tenant]:
    """Each as often as it has messages."""
    weights = shares(1_000_000, len(tenants))
    chance = random.Random(9)
    while True:
        yield chance.choices(tenants, weights)[0]


asking = words.questions(seed=10)


def timed(tenant: Tenant) -> float:
    """Milliseconds of a search as the API does it, the embedding of the question included."""
    started = time.perf_counter()
    query = Query(next(asking), top_k=10)
    search(tenant, query, scope=partial(tenant_scope, tenant), provider=embedding_provider(), now=timezone.now())
    return (time.perf_counter() - started) * 1000


# --- Comparing --------------------------------------------------------------------------------------------------------


def compare(database: Database, tenants: Sequence[Tenant], *, questions: int) -> list[Compared]:
    there, found = sizes(database), []
    for name, low, high in comparing.CLASSES:
        chosen = [one for one in tenants if low <= there.get(one.slug, 0) < high][: comparing.TENANTS]
        for one in comparing.compared(name, chosen, asking, count=questions):
            print(one, flush=True)
            found.append(one)
    return found
