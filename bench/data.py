"""The tenants that a run measures: their messages, users, facts and keys."""

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote_plus

from django.utils import timezone

from bench import words
from bench.loading import Request
from bench.people import make_facts
from bench.progress import tell
from bench.rows import PASSING, Database, Filler, users
from memories.search import vector_indexes
from memories.usage import sizes
from tenants import keys
from tenants.models import Tenant

FACTS = 100  # of a user
USERS = 10  # of a tenant
MESSAGES_OF_MANY = 200  # of each tenant where there are many
CACHED = 50  # questions that are asked again and again


@dataclass(frozen=True)
class Data:
    """`name` as it stands in reports; all its `tenants` have as many messages, and `keys` open them."""

    name: str
    tenants: Sequence[Tenant]
    keys: Sequence[str]

    def in_turn(self) -> Iterator[str]:
        """Keys in random order, as clients of all tenants come."""
        chance = random.Random(6)
        return (chance.choice(self.keys) for _ in itertools.count())


def made(filler: Filler, *, tenants: int, messages: int) -> Data:
    name = f"{messages:,} messages" if tenants == 1 else f"{tenants:,} tenants of {messages:,}"
    rows = [Tenant.objects.create(slug=f"bench-{tenants}-{messages}-{n}") for n in range(tenants)]
    for tenant in rows:
        names = [f"user-{n}" for n in range(USERS if tenants == 1 else 1)]
        people = users(tenant, names, database=filler.database)
        filler.fill(tenant, messages, users=people)
        make_facts(tenant, people, FACTS if tenants == 1 else FACTS // 5, corpus=filler.corpus)
    return Data(name, rows, [keys.issue(tenant, name="bench")[1] for tenant in rows])


def settle(database: Database) -> None:
    """What beat and autovacuum would have done by and by: statistics, sizes, indexes of large tenants."""
    database.execute("VACUUM ANALYZE")
    sizes.measure(now=timezone.now())
    for tenant in vector_indexes.keep():
        tell(f"{tenant.slug} is large: its vectors are indexed")


# --- Requests, each another one ---------------------------------------------------------------------------------------

asking, telling = words.questions(), words.sentences(seed=7)
numbers = itertools.count()


def searches(data: Data) -> Iterator[Request]:
    for key, question in zip(data.in_turn(), asking, strict=False):
        yield "GET", f"/v1/memory/search?top_k=10&query={quote_plus(question)}", key, ""


def cached_searches(data: Data) -> list[Request]:
    return list(itertools.islice(searches(data), CACHED))


def stores(data: Data) -> Iterator[Request]:
    for key, text in zip(data.in_turn(), telling, strict=False):
        yield "POST", "/v1/messages", key, json.dumps(_turn(text))


def batches(data: Data, *, size: int) -> Iterator[Request]:
    for key in data.in_turn():
        turns = [_turn(text) for text in itertools.islice(telling, size)]
        yield "POST", "/v1/messages/batch", key, json.dumps({"messages": turns})


def recalls(data: Data) -> Iterator[Request]:
    people = USERS if len(data.tenants) == 1 else 1
    for key, question in zip(data.in_turn(), asking, strict=False):
        yield "POST", "/v1/recall", key, json.dumps({"user_id": f"user-{next(numbers) % people}", "query": question})


def ingests(data: Data) -> Iterator[Request]:
    for key, text in zip(data.in_turn(), telling, strict=False):
        number = next(numbers)
        turn = {"user_id": f"user-{PASSING}{number % 20}", "session_id": f"{PASSING}{number % 20}-{number // 800}"}
        yield "POST", "/v1/ingest", key, json.dumps({**turn, "role": "user", "content": text})


def mixed(data: Data) -> Iterator[Request]:
    """Four searches for each store."""
    asked, told = searches(data), stores(data)
    return (next(told) if number % 5 == 0 else next(asked) for number in itertools.count())


def creates() -> Iterator[Request]:
    """Of the bare server: the same body as a store."""
    for text in telling:
        yield "POST", "/create", "", json.dumps(_turn(text))


def _turn(text: str) -> dict[str, str]:
    return {"conversation_id": f"{PASSING}{next(numbers) % 50}", "role": "user", "content": text}
