"""What the database alone does in the place of a request: the raw INSERT, COPY and vector query."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import psycopg
from django.utils import timezone
from pgvector import HalfVector
from psycopg.sql import SQL, Literal
from psycopg.types.json import Jsonb

from bench.corpus import Corpus
from bench.loading import Calls
from bench.rows import (
    MESSAGE,
    PASSING,
    POSTING,
    STATE,
    Database,
    message_row,
    posting_rows,
)
from bench.servers import superuser_url
from memories.models import Conversation, Message
from tenants.isolation import tenant_scope
from tenants.models import Tenant

COPIED = 1_000  # messages of a transaction
TOP = 10
INSERT_MESSAGE = f"INSERT INTO memories_message ({', '.join(MESSAGE.split())}) VALUES ({', '.join(['%s'] * 10)})"  # noqa: S608
INSERT_STATE = f"INSERT INTO memories_messageembedding ({', '.join(STATE.split())}) VALUES ({', '.join(['%s'] * 7)})"  # noqa: S608
INSERT_POSTINGS = (
    f"INSERT INTO memories_posting ({', '.join(POSTING.split())})"  # noqa: S608
    " SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::int2[], %s::int2[])"
)

# The cast and the literals are those of the tenant's index (memories.search.vector_indexes).
NEAREST = SQL(
    "SELECT message_id FROM memories_embeddingwindow WHERE tenant_id = {tenant} AND model = {model}"
    " ORDER BY vector::{kind} <=> %s::{kind} LIMIT {top}"
)


@dataclass(frozen=True)
class Rows:
    """Of messages that are not stored yet, for each of the tables."""

    messages: Sequence[Any]
    postings: Sequence[Any]
    states: Sequence[Any]


def inserts(tenant: Tenant, corpus: Corpus) -> Calls:
    """A message, its postings and the row that says it is to be embedded, in one transaction of three statements."""
    return Calls("raw INSERT", 1, connected, _maker(tenant, corpus, 1), _insert)


def copies(tenant: Tenant, corpus: Corpus) -> Calls:
    """COPIED messages with all their rows in one transaction of three COPYs, their lines written beforehand."""
    make = _maker(tenant, corpus, COPIED)
    return Calls("raw COPY", 1, connected, lambda: _lines(make()), _copy, per_request=COPIED)


def vector_queries(tenant: Tenant, corpus: Corpus) -> Calls:
    """The nearest TOP of all the tenant's vectors: through its index, where it is so large that it has one."""
    statement = NEAREST.format(
        kind=SQL(f"halfvec({corpus.vectors.shape[1]})"),
        tenant=Literal(str(tenant.pk)),
        model=Literal(corpus.model),
        top=Literal(TOP),
    )
    chance = np.random.default_rng(4)

    def prepared() -> list[Any]:
        vector = corpus.vectors[chance.integers(len(corpus.vectors))]
        return [HalfVector(vector).to_text()]

    return Calls("raw vector query", 1, connected, prepared, partial(_ask, statement=statement))


def connected() -> Database:
    return psycopg.connect(superuser_url(), autocommit=True)


def _ask(database: Database, values: Sequence[Any], *, statement: Any) -> object:
    return database.execute(statement, values).fetchall()


def _maker(tenant: Tenant, corpus: Corpus, count: int) -> Callable[[], Rows]:
    """Makes new messages of one conversation, to be cleared away with it."""
    with tenant_scope(tenant):
        talk, _ = Conversation.objects.get_or_create(tenant=tenant, external_id=f"{PASSING}raw")
    chance, now = np.random.default_rng(5), timezone.now()

    def make() -> Rows:
        texts = [text for text, _, _ in corpus.mixed(count, chance)]
        made = [Message(tenant=tenant, conversation=talk, role="user", content=one, updated_at=now) for one in texts]
        states = [(one.tenant_id, one.pk, corpus.model, "pending", 0, "", None) for one in made]
        return Rows([message_row(one) for one in made], list(posting_rows(made)), states)

    return make


def _insert(database: Database, rows: Rows) -> None:
    with database.transaction(), database.pipeline():
        database.execute(INSERT_MESSAGE, rows.messages[0])
        database.execute(INSERT_POSTINGS, [list(column) for column in zip(*rows.postings, strict=True)])
        database.execute(INSERT_STATE, rows.states[0])


def _lines(rows: Rows) -> list[tuple[str, str]]:
    """COPY statements with what they are to read: no sentence of ours has a character that would be escaped."""
    tables = (
        ("memories_message", MESSAGE, rows.messages),
        ("memories_posting", POSTING, rows.postings),
        ("memories_messageembedding", STATE, rows.states),
    )
    return [
        (
            f"COPY {table} ({', '.join(columns.split())}) FROM STDIN",
            "".join("\t".join(map(_text, row)) + "\n" for row in each),
        )
        for table, columns, each in tables
    ]


def _text(value: Any) -> str:
    if isinstance(value, Jsonb):
        return json.dumps(value.obj)
    return "\\N" if value is None else str(value)


def _copy(database: Database, copies: Sequence[tuple[Any, str]]) -> None:
    with database.transaction(), database.cursor() as cursor:
        for statement, lines in copies:
            with cursor.copy(statement) as writer:
                writer.write(lines)
