"""Write down which terms stand in messages, in the transaction that stores them: words are found at once."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from memories.models import Message, Posting
from memories.models.posting import EVERY_MESSAGE
from memories.ranking.words import speaker_of, terms

LENGTH_MAX = 32_767
# One statement however many rows: a batch of messages has tens of thousands, too many for objects of the ORM.
INSERT = """
INSERT INTO memories_posting (tenant_id, message_id, term, frequency, length)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::smallint[], %s::smallint[])
ON CONFLICT DO NOTHING
"""

Row = tuple[UUID, UUID, str, int, int]


def write(messages: Iterable[Message]) -> None:
    """Index messages that are not indexed yet; in the scope of their tenant, which `message.tenant` holds."""
    if parameters := columns(messages):
        with connection.cursor() as cursor:
            cursor.execute(INSERT, parameters)


def columns(messages: Iterable[Message]) -> list[list[Any]]:
    """The parameters of INSERT; none where there are no messages."""
    rows = [row for message in messages for row in _rows(message)]
    return [list(column) for column in zip(*rows, strict=True)]


def rewrite(messages: Sequence[Message]) -> None:
    """Index messages anew, after a change of what they say or of the tenant's language."""
    Posting.objects.filter(message__in=[message.pk for message in messages]).delete()
    write(messages)


def _rows(message: Message) -> Iterator[Row]:
    found = terms(message.content, language=message.tenant.language)
    speaker = speaker_of(message.content, message.metadata)
    counted = Counter([*found, speaker] if speaker else found) | Counter({EVERY_MESSAGE: 1})
    length = min(len(found), LENGTH_MAX)
    for term, frequency in counted.items():
        yield message.tenant_id, message.pk, term, min(frequency, LENGTH_MAX), length
