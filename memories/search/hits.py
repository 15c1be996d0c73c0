"""What is shown: the ranked messages and, if asked for, the turns around them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from memories.models import Conversation, Message
from memories.ranking import Ranked
from memories.search.query import Query
from memories.search.turns import around
from tenants.databases import reading
from tenants.models import Tenant
from tenants.statements import planned_once

SHOWN = """
SELECT {columns}
FROM memories_message AS message JOIN memories_conversation AS conversation ON conversation.id = conversation_id
WHERE message.tenant_id = %(tenant)s AND message.id = ANY(%(ids)s)
"""
MESSAGE = [field.attname for field in Message._meta.concrete_fields]
CONVERSATION = ["id", "external_id"]
COLUMNS = ", ".join([*(f"message.{name}" for name in MESSAGE), *(f"conversation.{name}" for name in CONVERSATION)])


@dataclass(frozen=True)
class Hit:
    """`before` and `after`: the turns around it in its conversation, oldest first."""

    message: Message
    ranked: Ranked
    before: Sequence[Message] = ()
    after: Sequence[Message] = ()


@dataclass(frozen=True)
class Place:
    """A ranked message and the ids of the turns around it."""

    ranked: Ranked
    before: Sequence[UUID] = ()
    after: Sequence[UUID] = ()


def hits(tenant: Tenant, query: Query, ranked: Sequence[Ranked]) -> list[Hit]:
    """The `top_k` best; what was deleted since it was ranked is left out."""
    places = _apart(tenant, query, ranked) if query.neighbours else [Place(one) for one in ranked[: query.top_k]]
    ids = {one for place in places for one in (place.ranked.candidate.message_id, *place.before, *place.after)}
    known = _messages(tenant, ids)
    return [_hit(place, known) for place in places if place.ranked.candidate.message_id in known]


def _messages(tenant: Tenant, ids: Collection[UUID]) -> dict[UUID, Message]:
    """Each with its conversation. By plain SQL: the ORM takes longer to write a statement than all the rest takes."""
    with planned_once() as cursor:
        cursor.execute(SHOWN.format(columns=COLUMNS), {"tenant": tenant.pk, "ids": list(ids)})
        messages = [_message(row) for row in cursor.fetchall()]
    return {message.pk: message for message in messages}


def _message(row: Sequence[Any]) -> Message:
    alias, count = reading().alias, len(MESSAGE)
    message = Message.from_db(alias, MESSAGE, row[:count])
    message.conversation = Conversation.from_db(alias, CONVERSATION, row[count:])
    return message


def _hit(place: Place, known: dict[UUID, Message]) -> Hit:
    before, after = ([known[one] for one in side if one in known] for side in (place.before, place.after))
    return Hit(known[place.ranked.candidate.message_id], place.ranked, before, after)


def _apart(tenant: Tenant, query: Query, ranked: Sequence[Ranked]) -> list[Place]:
    """The best with their neighbours; what is shown beside a better one is no hit of its own."""
    places: list[Place] = []
    shown: set[UUID] = set()
    for place in _placed(tenant, query, ranked):
        if place.ranked.candidate.message_id not in shown:
            places.append(place)
            shown.update((*place.before, *place.after))
        if len(places) == query.top_k:
            break
    return places


def _placed(tenant: Tenant, query: Query, ranked: Sequence[Ranked]) -> Iterator[Place]:
    """Each with the turns around it, fetched for as many at once as may be shown."""
    for start in range(0, len(ranked), query.top_k):
        batch = ranked[start : start + query.top_k]
        ids = [one.candidate.message_id for one in batch]
        count = query.neighbours
        runs = around(tenant, ids, before=count, after=count, archived=query.include_archived)
        for one in batch:
            run = runs.get(one.candidate.message_id, [])
            at = run.index(one.candidate.message_id) if run else 0
            yield Place(one, run[:at], run[at + 1 :])
