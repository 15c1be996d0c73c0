"""Identifiers of rows."""

import uuid
from datetime import UTC, datetime, timedelta

from uuid_utils.compat import uuid7

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id() -> uuid.UUID:
    """UUID version 7: sorts by the time it was made, so that fresh rows stay together in every index."""
    return uuid7()


def first_id(at: datetime) -> uuid.UUID:
    """No id made at `at` or later is less, and none made a millisecond or more before is greater."""
    return uuid.UUID(int=(at - EPOCH) // timedelta(milliseconds=1) << 80)


def made_at(one: uuid.UUID) -> datetime:
    """When this id was made, in whole milliseconds."""
    return EPOCH + timedelta(milliseconds=one.int >> 80)


def as_uuid(text: str) -> uuid.UUID | None:
    """The UUID that `text` spells out, or None."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
