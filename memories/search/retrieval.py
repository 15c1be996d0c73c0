"""Two retrievals, by meaning and by words, each over exactly the messages that pass the filters, as clauses of SQL.

They are exact where few messages are searched. Where they are very many, the nearest vectors come through the tenant's
own index (`memories.search.vector_indexes`), and of the query's words the rarest are looked up (docs/adr/0012).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pgvector import HalfVector

from memories.models.posting import EVERY_MESSAGE
from memories.ranking.bm25 import LENGTH_NORMALISATION, SATURATION, USUAL_LENGTH
from memories.search.filters import filtered, is_filtered, passing
from memories.search.query import Query, Understood
from tenants.isolation import NEIGHBOURS
from tenants.models import Tenant

PER_RETRIEVAL = 4  # of the candidates, a quarter comes from each retrieval; the turns after them may fill the rest
EXACT_UP_TO = 5_000  # messages: so many vectors are measured in the time that an index of them takes with a filter
POSTINGS_UP_TO = 400  # are read where an index is used; if even the rarest word has more, the latest unless filtered
WINDOWS_MAX = 10_000  # of the nearest, where few messages have them all

# --- Of few messages --------------------------------------------------------------------------------------------------

# How this is done must not depend on what the database believes to know of a tenant: one that was filled a moment ago
# it takes for empty. Hence OFFSET 0, which keeps a lookup a lookup; `IS TRUE`, which makes a set of the eligible; and
# the tenant as a subquery, of which it expects what tenants have on the average.
#
# `word` is which word of the query a term stands for: an alternative of it counts as the word itself.
NEAREST = """
measured AS MATERIALIZED (  -- before they are grouped: else the vectors themselves would be sorted
    SELECT message_id, vector <=> {vector} AS distance FROM {windows}),
nearest AS (
    SELECT message_id, min(distance) AS distance FROM measured
    GROUP BY message_id ORDER BY distance, message_id LIMIT %(limit)s)
"""
MATCHING = """
asked AS (SELECT * FROM unnest(%(numbers)s::int[], %(terms)s::text[]) AS asked (word, term)),
matched AS MATERIALIZED (
    SELECT message_id, word, sum(frequency) AS frequency, min(length) AS length
    FROM {postings}
    GROUP BY message_id, word),
counted AS (SELECT word, count(*)::float8 AS messages FROM matched GROUP BY word),
weighed AS (SELECT word, {rarity} AS rarity FROM counted, corpus),
scored AS (
    SELECT message_id, sum({share}) AS score FROM matched JOIN weighed USING (word)
    GROUP BY message_id ORDER BY score DESC, message_id LIMIT %(limit)s)
"""
# Of a small tenant all is gone through; of a large one only what belongs to the few messages that pass the filters.
WINDOWS = """memories_embeddingwindow
    WHERE tenant_id = %(tenant)s AND model = %(model)s AND (message_id IN (SELECT id FROM eligible)) IS TRUE"""
POSTINGS = """asked CROSS JOIN LATERAL (
        SELECT message_id, frequency, length FROM memories_posting
        WHERE tenant_id = (SELECT %(tenant)s::uuid) AND term = asked.term OFFSET 0) AS posting
    WHERE (message_id IN (SELECT id FROM eligible)) IS TRUE"""
WINDOWS_OF_FEW = """eligible CROSS JOIN LATERAL (
        SELECT message_id, vector FROM memories_embeddingwindow
        WHERE tenant_id = (SELECT %(tenant)s::uuid) AND message_id = eligible.id AND model = %(model)s OFFSET 0
    ) AS near"""
POSTINGS_OF_FEW = """eligible CROSS JOIN LATERAL (
        SELECT message_id, term, frequency, length FROM memories_posting
        WHERE tenant_id = (SELECT %(tenant)s::uuid) AND message_id = eligible.id AND term = ANY(%(terms)s::text[])
        OFFSET 0) AS posting JOIN asked USING (term)"""
ELIGIBLE = """
eligible (id) AS MATERIALIZED ({passing}),
corpus AS (SELECT count(*)::float8 AS total FROM eligible)
"""

# --- Of many ----------------------------------------------------------------------------------------------------------

# Two windows of one message among the nearest leave room for fewer messages: hence more windows than messages.
NEAREST_BY_INDEX = """
nearest AS (
    SELECT message_id, min(distance) AS distance FROM (
        SELECT near.message_id, {indexed} <=> {vector} AS distance
        FROM memories_embeddingwindow AS near {passes}
        WHERE tenant_id = %(tenant)s AND model = %(model)s
        ORDER BY {indexed} <=> {vector} LIMIT %(windows)s) AS near
    GROUP BY message_id ORDER BY distance, message_id LIMIT %(limit)s)
"""
# How often a common term stands in messages was counted before; the others are counted now.
MATCHING_THE_RAREST = """
asked AS (
    SELECT word, asked.term, coalesce(common.messages, (
        SELECT count(*) FROM memories_posting WHERE tenant_id = %(tenant)s AND memories_posting.term = asked.term
    )) AS messages
    FROM unnest(%(numbers)s::int[], %(terms)s::text[]) AS asked (word, term)
    LEFT JOIN memories_commonterm AS common ON common.tenant_id = %(tenant)s AND common.term = asked.term),
counted AS (SELECT word, sum(messages)::float8 AS messages FROM asked GROUP BY word HAVING sum(messages) > 0),
weighed AS (
    SELECT word, {rarity} AS rarity
    FROM (SELECT *, sum(messages) OVER rarest_first AS postings, row_number() OVER rarest_first AS place FROM counted
          WINDOW rarest_first AS (ORDER BY messages, word)) AS counted, corpus
    WHERE place = 1 OR postings <= %(postings)s),
matched AS MATERIALIZED (
    SELECT message_id, word, sum(frequency) AS frequency, min(length) AS length
    FROM (SELECT word, term FROM asked JOIN weighed USING (word) OFFSET 0) AS heard CROSS JOIN LATERAL (
        SELECT message_id, frequency, length FROM memories_posting
        WHERE tenant_id = %(tenant)s AND memories_posting.term = heard.term {latest}) AS posting
    GROUP BY message_id, word),
ordered AS (
    SELECT message_id, sum({share}) AS score FROM matched JOIN weighed USING (word)
    GROUP BY message_id ORDER BY score DESC, message_id),
scored AS (
    SELECT near.message_id, score FROM ordered AS near {passes} ORDER BY score DESC, message_id LIMIT %(limit)s)
"""
# Ids are in the order of time. A filter might refuse all of the latest.
LATEST = "ORDER BY message_id DESC LIMIT %(postings)s"
CORPUS = """
corpus AS (
    SELECT coalesce(max(messages), 0)::float8 AS total FROM memories_commonterm
    WHERE tenant_id = %(tenant)s AND term = %(every)s)
"""
# One by one, in the order in which they are near: as many as are needed.
PASSES = "CROSS JOIN LATERAL ({passing} OFFSET 0) AS passes"
MORE_NEIGHBOURS = "SET LOCAL hnsw.ef_search = {neighbours}"
NEIGHBOURS_MAX = 1_000  # of pgvector
OF_QUERY = ("vector", "numbers", "terms", "wanted")  # what the next query of the tenant has otherwise

RARITY = "ln(1 + (greatest(total - messages, 0) + 0.5) / (messages + 0.5))"
DAMPING = "%(k1)s::float8 * (1 - %(b)s::float8 + %(b)s::float8 * length / %(usual)s::float8)"
SHARE = f"rarity * frequency / (frequency + {DAMPING})"


@dataclass(frozen=True)
class Retrieval:
    """`clauses` of a statement, of which `nearest` and `scored`, where they are there, hold the best of each retrieval.

    `corpus` (total) and `counted` (word, messages) say of how many messages, and how many hold a word of the query.
    `passing` is a condition on `turn.id`: whether a turn is one of the messages searched; `vector` is the query's.
    `beside`: the values that are of no account for how it is best done.
    """

    clauses: str
    values: dict[str, Any]
    passing: str
    vector: str
    is_through_index: bool = False
    beside: Collection[str] = ()

    @property
    def before(self) -> str:
        """What is to be run first, in the same transaction, if anything."""
        is_more = self.is_through_index and self.values["windows"] > NEIGHBOURS
        return MORE_NEIGHBOURS.format(neighbours=min(self.values["windows"], NEIGHBOURS_MAX)) if is_more else ""

    def is_too_narrow_for(self, found: int) -> bool:
        """Whether so many of the nearest windows are of few messages that others may be hidden behind them."""
        return self.is_through_index and found < self.values["limit"] and self.values["windows"] < WINDOWS_MAX

    def widened(self) -> "Retrieval":
        return replace(self, values=self.values | {"windows": 8 * self.values["windows"]})


def retrieval(tenant: Tenant, meant: Understood, *, now: datetime) -> Retrieval:
    """The best of the messages searched by each retrieval that the query's mode wants; in the scope of the tenant."""
    limit = max(-(-meant.query.candidate_limit // PER_RETRIEVAL), meant.query.top_k)
    many = tenant.has_vector_index and not (is_filtered(meant.query) and _are_few(tenant, meant.query, now=now))
    return (_by_index if many else _exact)(tenant, meant, limit=limit, now=now)


def _are_few(tenant: Tenant, query: Query, *, now: datetime) -> bool:
    return filtered(tenant, query, now=now).order_by().values("pk")[: EXACT_UP_TO + 1].count() <= EXACT_UP_TO


def _exact(tenant: Tenant, meant: Understood, *, limit: int, now: datetime) -> Retrieval:
    searched, values = passing(tenant, meant.query, now=now)
    few = tenant.has_vector_index
    windows, postings = (WINDOWS_OF_FEW, POSTINGS_OF_FEW) if few else (WINDOWS, POSTINGS)
    clauses = [ELIGIBLE.format(passing=searched)]
    clauses += [NEAREST.format(vector=_vector(meant), windows=windows)] if meant.vector is not None else []
    clauses += [MATCHING.format(rarity=RARITY, share=SHARE, postings=postings)] if meant.words else []
    given = values | _values(tenant, meant, limit=limit)
    is_searched = "turn.id IN (SELECT id FROM eligible)"
    return Retrieval(",".join(clauses), given, is_searched, _vector(meant), beside=_beside(meant.query))


def _by_index(tenant: Tenant, meant: Understood, *, limit: int, now: datetime) -> Retrieval:
    of_near, values = passing(tenant, meant.query, now=now, row="near.message_id")
    passes = "" if meant.query.include_archived and not is_filtered(meant.query) else PASSES.format(passing=of_near)
    clauses = [CORPUS]
    if meant.vector is not None:
        indexed = f"near.vector::halfvec({len(meant.vector)})"
        clauses.append(NEAREST_BY_INDEX.format(indexed=indexed, vector=_vector(meant), passes=passes))
    if meant.words:
        latest = "" if is_filtered(meant.query) else LATEST
        clauses.append(MATCHING_THE_RAREST.format(rarity=RARITY, share=SHARE, passes=passes, latest=latest))
    of_turn, more = passing(tenant, meant.query, now=now, row="turn.id")
    # Turns around are read with the archived ones or without: where nothing else is filtered, all of them pass.
    is_searched = f"EXISTS ({of_turn})" if is_filtered(meant.query) else "true"
    given = values | more | _values(tenant, meant, limit=limit)
    by_vector = meant.vector is not None  # words alone go through no index of vectors
    beside = _beside(meant.query)
    return Retrieval(",".join(clauses), given, is_searched, _vector(meant), is_through_index=by_vector, beside=beside)


def _beside(query: Query) -> Collection[str]:
    """Filters are hardly asked for twice: what has some is planned for all of its values."""
    return () if is_filtered(query) else OF_QUERY


def _values(tenant: Tenant, meant: Understood, *, limit: int) -> dict[str, Any]:
    numbers, terms = _columns(meant.words)
    return {
        "tenant": tenant.pk,
        "model": meant.model,
        "limit": limit,
        "windows": 2 * limit,
        "postings": POSTINGS_UP_TO,
        "every": EVERY_MESSAGE,
        "numbers": numbers,
        "terms": terms,
        "k1": SATURATION,
        "b": LENGTH_NORMALISATION,
        "usual": USUAL_LENGTH,
    } | ({} if meant.vector is None else {"vector": HalfVector(meant.vector).to_text()})


def _vector(meant: Understood) -> str:
    """Of so many dimensions as the index says, or else it is not used."""
    return f"%(vector)s::halfvec({len(meant.vector)})" if meant.vector is not None else "NULL"


def _columns(words: Sequence[Collection[str]]) -> tuple[list[int], list[str]]:
    pairs = [(number, term) for number, alternatives in enumerate(words) for term in alternatives]
    return [number for number, _ in pairs], [term for _, term in pairs]
