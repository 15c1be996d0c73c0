"""Identifiers of rows."""

import uuid

from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """UUID version 7: sorts by the time it was made, so that fresh rows stay together in every index."""
    return uuid7()


def as_uuid(text: str) -> uuid.UUID | None:
    """The UUID that `text` spells out, or None."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
