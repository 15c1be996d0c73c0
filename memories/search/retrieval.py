"""Two retrievals in one statement, by meaning and by words, each over exactly the messages that pass the filters."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection
from pgvector import Vector

from memories.models.message import MessageQuerySet
from memories.ranking.bm25 import LENGTH_NORMALISATION, SATURATION, USUAL_LENGTH, rarity
from memories.search.query import Understood
from tenants.models import Tenant

Clause = tuple[str, list[Any]]
Row = tuple[str, UUID | None, int | None, float]
CONSTANTS = (SATURATION, LENGTH_NORMALISATION, LENGTH_NORMALISATION, USUAL_LENGTH)

PER_RETRIEVAL = 4  # of the candidates, a quarter comes from each retrieval; the turns after them may fill the rest

# `word` is which word of the query a term stands for: an alternative of it counts as the word itself.
NEAREST = """
measured AS MATERIALIZED (  -- before they are grouped: else the vectors themselves would be sorted
    SELECT message_id, vector <=> %s::vector AS distance FROM memories_embeddingwindow
    WHERE tenant_id = %s AND model = %s AND message_id IN (SELECT id FROM eligible)),
nearest AS (
    SELECT message_id, min(distance) AS distance FROM measured
    GROUP BY message_id ORDER BY distance, message_id LIMIT %s)
"""
MATCHING = """
asked AS (SELECT * FROM unnest(%s::int[], %s::text[]) AS asked (word, term)),
matched AS MATERIALIZED (
    SELECT message_id, word, sum(frequency) AS frequency, min(length) AS length
    FROM memories_posting JOIN asked USING (term)
    WHERE tenant_id = %s AND message_id IN (SELECT id FROM eligible)
    GROUP BY message_id, word),
counted AS (
    SELECT word, messages, ln(1 + (greatest(total - messages, 0) + 0.5) / (messages + 0.5)) AS rarity
    FROM (SELECT word, count(*)::float8 AS messages FROM matched GROUP BY word) AS found,
        (SELECT count(*)::float8 AS total FROM eligible) AS every),
scored AS (
    SELECT message_id, sum(rarity * frequency / (frequency + %s * (
        1 - %s + %s * length / %s))) AS score
    FROM matched JOIN counted USING (word)
    GROUP BY message_id ORDER BY score DESC, message_id LIMIT %s)
"""


@dataclass(frozen=True)
class Retrieved:
    """Ids, best first, of either retrieval; of each word of the query how many of the messages searched hold it."""

    semantic: Sequence[UUID]
    lexical: Sequence[UUID]
    messages_with: Sequence[int]
    total: int

    def rarities(self) -> list[float]:
        return [rarity(messages, of=self.total) for messages in self.messages_with]


def retrieve(tenant: Tenant, messages: MessageQuerySet, meant: Understood) -> Retrieved:
    """The best of `messages` by each retrieval that the query's mode wants."""
    limit = max(-(-meant.query.candidate_limit // PER_RETRIEVAL), meant.query.top_k)
    clauses = [_eligible(messages)]
    results = ["SELECT 'total', NULL::uuid, NULL::int, count(*)::float8 FROM eligible"]
    if meant.vector is not None:
        clauses.append((NEAREST, [Vector(meant.vector).to_text(), tenant.pk, meant.model, limit]))
        results.append("SELECT 'semantic', message_id, NULL, distance FROM nearest")
    if meant.words:
        clauses.append((MATCHING, [*_columns(meant.words), tenant.pk, *CONSTANTS, limit]))
        results.append("SELECT 'lexical', message_id, NULL, -score FROM scored")
        results.append("SELECT 'word', NULL, word, messages FROM counted")
    return _read(meant, _run(clauses, results))


def _eligible(messages: MessageQuerySet) -> Clause:
    try:
        sql, params = messages.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        sql, params = "SELECT NULL::uuid WHERE false", ()
    return f"eligible (id) AS MATERIALIZED ({sql})", list(params)


def _columns(words: Sequence[Collection[str]]) -> tuple[list[int], list[str]]:
    pairs = [(number, term) for number, alternatives in enumerate(words) for term in alternatives]
    return [number for number, _ in pairs], [term for _, term in pairs]


def _run(clauses: Sequence[Clause], results: Sequence[str]) -> list[Row]:
    sql = f"WITH {', '.join(text for text, _ in clauses)} {' UNION ALL '.join(results)}"
    with connection.cursor() as cursor:
        cursor.execute(sql, [value for _, values in clauses for value in values])
        rows: list[Row] = cursor.fetchall()
    return rows


def _read(meant: Understood, rows: Iterable[Row]) -> Retrieved:
    kinds: dict[str, list[Any]] = {"semantic": [], "lexical": [], "word": [], "total": []}
    for kind, message, word, value in rows:
        kinds[kind].append((word, int(value)) if kind in ("word", "total") else (value, message))
    messages_with = dict(kinds["word"])
    return Retrieved(
        semantic=[message for _, message in sorted(kinds["semantic"])],
        lexical=[message for _, message in sorted(kinds["lexical"])],
        messages_with=[messages_with.get(word, 0) for word in range(len(meant.words))],
        total=kinds["total"][0][1],
    )
