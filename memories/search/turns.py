"""What is found, and the turns around it: one statement, one row for each turn with all that ranking wants to know."""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from memories.models.posting import EVERY_MESSAGE
from memories.ranking import Numbers
from memories.ranking.bm25 import rarity
from memories.search.query import Understood
from memories.search.retrieval import Retrieval, retrieval
from tenants.databases import reading
from tenants.models import Tenant
from tenants.statements import planned_for_values

# A question mark, whatever quotes, brackets or notes follow it.
QUESTION = r"[?？؟]\W*(\[[^]]*\]\s*)?$"
BEFORE = """
    SELECT *, -1 AS place FROM memories_message AS earlier
    WHERE tenant_id = anchor.tenant_id AND conversation_id = anchor.conversation_id
        AND (created_at, id) < (anchor.created_at, anchor.id) AND (%(archived)s OR archived_at IS NULL)
    ORDER BY created_at DESC, id DESC LIMIT {count}
"""
AFTER = """
    SELECT *, row_number() OVER (ORDER BY created_at, id) - 1 AS place FROM memories_message AS later
    WHERE tenant_id = anchor.tenant_id AND conversation_id = anchor.conversation_id
        AND (created_at, id) >= (anchor.created_at, anchor.id)
        AND (%(archived)s OR archived_at IS NULL OR id = anchor.id)
    ORDER BY created_at, id LIMIT {count} + 1
"""
AROUND = """
SELECT anchor.id, turn.id FROM memories_message AS anchor
CROSS JOIN LATERAL (({before}) UNION ALL ({after})) AS turn
WHERE anchor.tenant_id = %(tenant)s AND anchor.id = ANY(%(ids)s)
ORDER BY anchor.id, turn.created_at, turn.id
"""
LEADING = 0.7  # of what each retrieval finds: the turns beside the others moved figures of `evaluate` by 0.002 at most
IF_LEADING = "CASE WHEN least(anchors.semantic, anchors.lexical) <= %(leading)s THEN 1 ELSE 0 END"
# `anchors` are what is found. Turns further than an hour apart are not about the same. A turn `follows` if the one
# before it is here, too; since rows are in the order in which they were said, that is then the row before. Vectors are
# read of what may be a candidate, or the question before one. The words of what comes after the turn after a find are
# not asked for: they moved no figure of `evaluate`. Why lookups name the tenant by a subquery: see `retrieval`.
TURNS = """
anchors AS MATERIALIZED (
    SELECT message_id, max(semantic) AS semantic, max(lexical) AS lexical FROM (
        SELECT message_id, row_number() OVER (ORDER BY distance, message_id) AS semantic, NULL::bigint AS lexical
        FROM nearest UNION ALL
        SELECT message_id, NULL, row_number() OVER (ORDER BY score DESC, message_id) FROM scored) AS found
    GROUP BY message_id),
said AS (
    SELECT turn.id, turn.conversation_id, turn.created_at, turn.role, turn.importance_override, place,
        CASE WHEN place = 0 THEN semantic END AS semantic, CASE WHEN place = 0 THEN lexical END AS lexical,
        right(turn.content, 400) ~ %(question)s AS is_question,
        turn.created_at - lag(turn.created_at) OVER (
            PARTITION BY anchor.id ORDER BY turn.created_at, turn.id) <= interval '1 hour' AS follows
    FROM anchors CROSS JOIN LATERAL (
        SELECT id, tenant_id, conversation_id, created_at FROM memories_message
        WHERE tenant_id = (SELECT %(tenant)s::uuid) AND id = anchors.message_id OFFSET 0) AS anchor
    CROSS JOIN LATERAL (({before}) UNION ALL ({after})) AS turn),
turn AS MATERIALIZED (
    SELECT id, conversation_id, created_at, role, importance_override, is_question,
        coalesce(bool_or(follows), false) AS follows, max(semantic) AS semantic, max(lexical) AS lexical,
        bool_or(place = 0) AS is_found, bool_or(place = 1) AS is_next, bool_or(is_question AND place = -1) AS is_before
    FROM said GROUP BY id, conversation_id, created_at, role, importance_override, is_question)
SELECT
    (SELECT total FROM corpus) AS total,
    (SELECT array_agg(ARRAY[word, messages]) FROM counted) AS counted,
    turn.id, conversation_id, extract(epoch FROM created_at)::float8 AS said_at, role, importance_override, is_question,
    follows, semantic::float8, lexical::float8, is_found OR is_next AND {passing} AS is_searched,
    near.distance, near.tokens, held.length, held.terms, held.often
FROM (SELECT) AS always LEFT JOIN turn ON true
LEFT JOIN LATERAL ({near}) AS near ON true
LEFT JOIN LATERAL (
    SELECT max(length) AS length, coalesce(array_agg(array_position(%(wanted)s::text[], term) - 1), '{{}}') AS terms,
        coalesce(array_agg(frequency), '{{}}') AS often
    FROM memories_posting
    WHERE tenant_id = (SELECT %(tenant)s::uuid) AND message_id = turn.id AND term = ANY(%(wanted)s)
) AS held ON true
ORDER BY conversation_id, created_at, turn.id
"""
NEAREST_WINDOW = """
SELECT vector <=> {vector} AS distance, CASE WHEN %(with_tokens)s THEN tokens END AS tokens
FROM memories_embeddingwindow
WHERE (is_found OR is_next OR is_before)
    AND tenant_id = (SELECT %(tenant)s::uuid) AND message_id = turn.id AND model = %(model)s
ORDER BY distance LIMIT 1
"""
NUMBERS = ("said_at", "overrides", "is_question", "semantic_rank", "lexical_rank", "distances", "lengths")
TRUTHS = ("follows", "is_searched")
NO_WINDOW = "SELECT NULL::float8 AS distance, NULL::bytea AS tokens"
NOTHING = {
    "nearest": "nearest AS (SELECT NULL::uuid AS message_id, 0.0 AS distance WHERE false)",
    "scored": "scored AS (SELECT NULL::uuid AS message_id, 0.0 AS score WHERE false)",
    "counted": "counted AS (SELECT 0 AS word, 0 AS messages WHERE false)",
}


@dataclass(frozen=True, eq=False)
class Turns:
    """Turns by column, in the order in which they were said, conversation by conversation.

    `said_at`: seconds since 1970. `follows`: the turn in the row before is the one before it, at most an hour earlier.
    `is_searched`: it was found, or it comes after what was and passes the filters. `terms`: places in `Found.wanted` of
    the terms that stand in it so `often`. Ranks count from 1. Where there is none: NaN, and None for tokens.
    """

    ids: Sequence[UUID]
    conversations: Sequence[UUID]
    said_at: Numbers
    roles: Sequence[str]
    overrides: Numbers
    is_question: Numbers
    follows: npt.NDArray[np.bool_]
    semantic_rank: Numbers
    lexical_rank: Numbers
    is_searched: npt.NDArray[np.bool_]
    distances: Numbers
    tokens: Sequence[bytes | None]
    lengths: Numbers
    terms: Sequence[Sequence[int]]
    often: Sequence[Sequence[int]]

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]]) -> "Turns":
        names = [field.name for field in fields(cls)]
        columns: dict[str, Any] = dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))
        numbers = {name: np.array(columns[name], dtype=np.float64) for name in NUMBERS}
        return cls(**columns | numbers | {name: np.array(columns[name], dtype=bool) for name in TRUTHS})


@dataclass(frozen=True)
class Found:
    """What a search has to rank.

    `wanted`: the terms that were looked for in the turns; `messages_with`: of each word of the query how many of the
    `total` messages searched hold it.
    """

    turns: Turns
    wanted: Sequence[str]
    messages_with: Sequence[int]
    total: int

    def rarities(self) -> list[float]:
        return [rarity(messages, of=self.total) for messages in self.messages_with]


def found(tenant: Tenant, meant: Understood, *, now: datetime) -> Found:
    """What of the messages searched each retrieval finds, with the turns around; in the scope of the tenant."""
    search = retrieval(tenant, meant, now=now)
    result = _found(search, meant)
    while search.is_too_narrow_for(int(np.isfinite(result.turns.semantic_rank).sum())):
        search = search.widened()
        result = _found(search, meant)
    return result


def _found(search: Retrieval, meant: Understood) -> Found:
    wanted = sorted({EVERY_MESSAGE, *meant.participants, *(term for word in meant.words for term in word)})
    values = search.values | {
        "archived": meant.query.include_archived,
        "leading": math.ceil(LEADING * search.values["limit"]),
        "question": QUESTION,
        "with_tokens": meant.tokens is not None,
        "wanted": wanted,
    }
    if search.before:
        with reading().cursor() as cursor:
            cursor.execute(search.before)
    return _read(_rows(_statement(search, meant), values, beside=search.beside), meant, wanted)


def _statement(search: Retrieval, meant: Understood) -> str:
    absent = [] if meant.words else ["scored", "counted"]
    absent += ["nearest"] if meant.vector is None else []
    near = NO_WINDOW if meant.vector is None else NEAREST_WINDOW.format(vector=search.vector)
    before, after = (beside.format(count=IF_LEADING) for beside in (BEFORE, AFTER))
    turns = TURNS.format(before=before, after=after, passing=search.passing, near=near)
    return f"WITH {', '.join([search.clauses, *(NOTHING[name] for name in absent), turns])}"


def _read(rows: Sequence[Any], meant: Understood, wanted: Sequence[str]) -> Found:
    total, counted, *_ = rows[0]
    messages_with = {int(word): int(messages) for word, messages in counted or ()}
    return Found(
        turns=Turns.of([row[2:] for row in rows if row[2]]),
        wanted=wanted,
        messages_with=[messages_with.get(word, 0) for word in range(len(meant.words))],
        total=int(total),
    )


def around(
    tenant: Tenant, messages: Collection[UUID], *, before: int, after: int, archived: bool
) -> dict[UUID, list[UUID]]:
    """Each message, by its id, with up to so many turns before and after it in its conversation, oldest first."""
    asked = {"tenant": tenant.pk, "ids": list(messages), "before": before, "after": after, "archived": archived}
    runs = defaultdict(list)
    asking = AROUND.format(before=BEFORE.format(count="%(before)s"), after=AFTER.format(count="%(after)s"))
    for anchor, turn in _rows(asking, asked):
        runs[anchor].append(turn)
    return runs


def _rows(sql: str, values: dict[str, Any], *, beside: Collection[str] = ()) -> list[Any]:
    """Of plain SQL: hundreds of ids as one array cost the ORM and the planner far more one by one."""
    with planned_for_values(beside=beside) as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
