"""Who of those that speak in a tenant's messages is named in a query."""

from collections.abc import Collection
from datetime import datetime

from memories.ranking.words import names
from memories.search.filters import passing
from memories.search.query import Query, Scope
from tenants.models import Tenant
from tenants.statements import planned_once

# One posting is enough: without the limit all that each of them ever said would be gone through.
SPEAKING = """
SELECT asked.term FROM unnest(%(terms)s::text[]) AS asked (term) CROSS JOIN LATERAL (
    SELECT 1 FROM memories_posting AS posting
    WHERE tenant_id = %(tenant)s AND term = asked.term AND EXISTS ({spoken}) LIMIT 1
) AS speaking
"""


def participants(tenant: Tenant, query: Query, *, scope: Scope, now: datetime) -> dict[str, str]:
    """Who of those that speak in the messages searched is named in the query: speaker term → the word for it there."""
    named = names(query.text) if query.mode != "lexical" else {}
    if not named:
        return {}
    with scope():
        return {term: named[term] for term in _speaking(tenant, query, list(named), now=now)}


def _speaking(tenant: Tenant, query: Query, terms: list[str], *, now: datetime) -> list[str]:
    spoken, values = passing(tenant, query, now=now, row="posting.message_id")
    with planned_once() as cursor:
        cursor.execute(SPEAKING.format(spoken=spoken), {**values, "terms": terms, "tenant": tenant.pk})
        return [term for (term,) in cursor.fetchall()]


def places(query: Query, named: Collection[str]) -> list[int]:
    """Which of the names that the query may hold these terms are: numbers alone, which say nothing without it."""
    return [place for place, term in enumerate(names(query.text)) if term in named]


def at(query: Query, places: Collection[int]) -> dict[str, str]:
    """The participants at such places."""
    return {term: word for place, (term, word) in enumerate(names(query.text).items()) if place in places}
