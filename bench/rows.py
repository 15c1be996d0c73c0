"""Messages, postings, vectors, users and facts by the hundred thousand: copied in, beneath row-level security."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
from django.utils import timezone
from psycopg.types.json import Jsonb

from bench.corpus import Corpus
from memories.importance import Formula, importance
from memories.models import Message
from memories.providers.base import Vectors
from memories.search import postings
from tenants.ids import new_id
from tenants.models import Tenant

Database = psycopg.Connection[Any]
CHUNK = 5_000
PASSING = "passing-"  # what conversations are called that are cleared away again
TURNS = 40  # of a conversation
TOPICS = ("travel", "family", "work", "health", "money", "garden", "music", "school")
MESSAGE = "id tenant_id conversation_id end_user_id role content metadata stored_importance created_at updated_at"
MESSAGE_TYPES = "uuid uuid uuid uuid varchar text jsonb float8 timestamptz timestamptz"
POSTING, POSTING_TYPES = "tenant_id message_id term frequency length", "uuid uuid text int2 int2"
STATE = "tenant_id message_id model status attempts error completed_at"
STATE_TYPES = "uuid uuid varchar varchar int2 text timestamptz"
# The vector is handed over as its own binary form: bytes, to the driver.
WINDOW, WINDOW_TYPES = "tenant_id message_id model position vector tokens", "uuid uuid varchar int2 bytea bytea"


@dataclass(frozen=True)
class Made:
    """A message to be copied in, with what it is found by."""

    message: Message
    vector: Vectors
    tokens: bytes | None


class Filler:
    """Fills tenants through `database`, a superuser's connection, from one corpus."""

    def __init__(self, database: Database, corpus: Corpus, *, seed: int = 3) -> None:
        self.database, self.corpus, self.chance = database, corpus, np.random.default_rng(seed)

    def fill(self, tenant: Tenant, count: int, *, users: Sequence[UUID] = (), embedded: bool = True) -> None:
        """`count` messages over a year, in conversations of TURNS; without `embedded` they wait for a worker."""
        with self.database.transaction():
            self.database.execute("SET LOCAL session_replication_role = replica")  # no check of a key for each row
            talks = self._conversations(tenant, -(-count // TURNS), users)
            made = self._messages(tenant, count, talks, users)
            while chunk := list(islice(made, CHUNK)):
                messages = [one.message for one in chunk]
                copy(self.database, "memories_message", MESSAGE, MESSAGE_TYPES, map(message_row, messages))
                copy(self.database, "memories_posting", POSTING, POSTING_TYPES, posting_rows(messages))
                self._copy_states(messages, embedded=embedded)
                if embedded:
                    self._copy_windows(chunk)

    def _conversations(self, tenant: Tenant, count: int, users: Sequence[UUID]) -> list[UUID]:
        ids, now = [new_id() for _ in range(count)], timezone.now()
        columns = "id tenant_id external_id title metadata updated_at end_user_id"
        types = "uuid uuid varchar varchar jsonb timestamptz uuid"
        empty = Jsonb({})
        rows = (
            (one, tenant.pk, f"talk-{one.hex}", "", empty, now, users[n % len(users)] if users else None)
            for n, one in enumerate(ids)
        )
        copy(self.database, "memories_conversation", columns, types, rows)
        return ids

    def _messages(self, tenant: Tenant, count: int, talks: Sequence[UUID], users: Sequence[UUID]) -> Iterator[Made]:
        first, formula, now = timezone.now() - timedelta(days=365), Formula.from_settings(), timezone.now()
        for start in range(0, count, CHUNK):
            mixed = self.corpus.mixed(min(CHUNK, count - start), self.chance)
            for number, (text, vector, tokens) in enumerate(mixed, start):
                talk, role = number // TURNS, "assistant" if number % 2 else "user"
                said = first + timedelta(days=364) * (talk / len(talks)) + timedelta(seconds=40 * (number % TURNS))
                message = Message(
                    id=new_id(),
                    tenant=tenant,
                    conversation_id=talks[talk],
                    end_user_id=users[talk % len(users)] if users else None,
                    role=role,
                    content=text,
                    metadata={"topic": TOPICS[talk % len(TOPICS)], "number": number % 100},
                    stored_importance=importance(role, None, said, now=now, formula=formula),
                    created_at=said,
                    updated_at=said,
                )
                yield Made(message, vector, tokens)

    def _copy_states(self, messages: Sequence[Message], *, embedded: bool) -> None:
        now: datetime | None = timezone.now() if embedded else None
        status, attempts = ("completed", 1) if embedded else ("pending", 0)
        rows = ((one.tenant_id, one.pk, self.corpus.model, status, attempts, "", now) for one in messages)
        copy(self.database, "memories_messageembedding", STATE, STATE_TYPES, rows)

    def _copy_windows(self, made: Sequence[Made]) -> None:
        model = self.corpus.model
        rows = ((one.message.tenant_id, one.message.pk, model, 0, halfvec(one.vector), one.tokens) for one in made)
        copy(self.database, "memories_embeddingwindow", WINDOW, WINDOW_TYPES, rows)


def message_row(one: Message) -> tuple[Any, ...]:
    return (
        one.pk,
        one.tenant_id,
        one.conversation_id,
        one.end_user_id,
        one.role,
        one.content,
        Jsonb(one.metadata),
        one.stored_importance,
        one.created_at,
        one.updated_at,
    )


def posting_rows(messages: Iterable[Message]) -> Iterator[Any]:
    """As the product writes them."""
    return (row for one in messages for row in postings._rows(one))  # noqa: SLF001


def copy(database: Database, table: str, columns: str, types: str, rows: Iterable[Sequence[Any]]) -> None:
    statement = f"COPY {table} ({', '.join(columns.split())}) FROM STDIN (FORMAT BINARY)"
    with database.cursor() as cursor, cursor.copy(statement) as writer:
        writer.set_types(types.split())
        for row in rows:
            writer.write_row(row)


def halfvec(vector: Vectors) -> bytes:
    """As pgvector sends it: its length, two bytes of nothing, its numbers."""
    return len(vector).to_bytes(2, "big") + b"\0\0" + vector.astype(">f2").tobytes()


def users(tenant: Tenant, names: Sequence[str], *, database: Database) -> list[UUID]:
    """An end user for each name."""
    ids, empty = [new_id() for _ in names], Jsonb({})
    columns, types = "id tenant_id external_id metadata", "uuid uuid varchar jsonb"
    copy(
        database,
        "tenants_enduser",
        columns,
        types,
        [(one, tenant.pk, n, empty) for one, n in zip(ids, names, strict=True)],
    )
    return ids


CLEARED = """
WITH passing AS (SELECT id FROM memories_conversation WHERE external_id LIKE %s),
gone AS MATERIALIZED (SELECT id FROM memories_message WHERE conversation_id IN (SELECT id FROM passing)),
readings AS (DELETE FROM memories_reading WHERE message_id IN (SELECT id FROM gone)),
jobs AS (DELETE FROM memories_job WHERE conversation_id IN (SELECT id FROM passing)),
postings AS (DELETE FROM memories_posting WHERE message_id IN (SELECT id FROM gone)),
states AS (DELETE FROM memories_messageembedding WHERE message_id IN (SELECT id FROM gone)),
windows AS (DELETE FROM memories_embeddingwindow WHERE message_id IN (SELECT id FROM gone))
DELETE FROM memories_message WHERE id IN (SELECT id FROM gone)
"""


def clear_passing(database: Database) -> None:
    """Take away what was stored in conversations called PASSING…, so that the next measurement finds what this did."""
    with database.transaction():
        database.execute("SET LOCAL session_replication_role = replica")
        database.execute(CLEARED, [f"{PASSING}%"])
    tables = "memories_message, memories_posting, memories_messageembedding, memories_embeddingwindow, memories_job"
    database.execute(f"VACUUM ANALYZE {tables}, memories_reading")
