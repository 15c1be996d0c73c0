"""What a proof looks for, collected while it is still there."""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from uuid import UUID

from django.db import connection
from django.db.models.functions import Length

from memories.models import Conversation, Message
from retention.erasure.subjects import Rows
from tenants.models import EndUser

LIMIT = 200  # of texts and of names: a search for each costs time with every row
DISTINCT_TEXT, DISTINCT_NAME = 24, 8  # characters; what is shorter is said and given by many
UUIDS = "[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"
SAID = """
SELECT DISTINCT text FROM ({others}) AS other (content), unnest(%s::text[]) AS text WHERE strpos(content, text) > 0
"""


@dataclass(frozen=True)
class Needles:
    """Ids of erased rows, and of their texts and names up to LIMIT distinctive ones."""

    ids: frozenset[UUID]
    texts: Sequence[str]
    names: Sequence[str]

    @cached_property
    def spellings(self) -> list[str]:
        """The texts as they stand in columns of text and in JSON."""
        return sorted({form for text in self.texts for form in _spelt(text)})

    @cached_property
    def patterns(self) -> list[str]:
        """Each name as a word of its own: `talk-1` is not in `talk-12`."""
        return [rf"(?<![\w-]){re.escape(name)}(?![\w-]|\.\w)" for name in self.names]


@dataclass(frozen=True)
class Find:
    """Where something is left, "table.column", "redis:key" or "cold:file", and what: "id", "text" or "name".

    A table or a Redis that could not be searched is a find too: "unreadable", "unreachable".
    """

    place: str
    what: str


def collected(rows: Rows, ids: frozenset[UUID], texts_elsewhere: Collection[str]) -> Needles:
    """Across tenants; `texts_elsewhere` are of messages that are not in the database."""
    long_ones = rows[Message].annotate(length=Length("content")).filter(length__gte=DISTINCT_TEXT)
    stored = long_ones.order_by("pk").values_list("content", flat=True)[:LIMIT]
    candidates = [*stored, *(text for text in texts_elsewhere if len(text) >= DISTINCT_TEXT)][:LIMIT]
    return Needles(ids, sorted({*candidates} - _said_by_others(rows, candidates)), _names(rows))


def _said_by_others(rows: Rows, texts: Sequence[str]) -> set[str]:
    """Those that stand, alone or in a longer text, in messages of any tenant that are not erased."""
    others = Message.objects.exclude(pk__in=rows[Message]).values_list("content")
    query, parameters = others.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(SAID.format(others=query), [*parameters, list(texts)])
        return {text for (text,) in cursor.fetchall()}


def _names(rows: Rows) -> list[str]:
    named = [rows[model].exclude(external_id=None) for model in (EndUser, Conversation) if model in rows]
    names = chain.from_iterable(one.order_by("pk").values_list("external_id", flat=True) for one in named)
    return list(islice((name for name in names if len(name) >= DISTINCT_NAME), LIMIT))


def _spelt(text: str) -> set[str]:
    return {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
