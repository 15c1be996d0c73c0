"""Cold storage: messages as gzipped JSON Lines, with a manifest, behind Django's storage API."""

from dataclasses import dataclass

from memories.models.message import MessageQuerySet
from retention.models import Run


@dataclass(frozen=True)
class Written:
    """A file that has been written and read back."""


def write(run: Run, messages: MessageQuerySet) -> Written:
    raise NotImplementedError


def release(written: Written, messages: MessageQuerySet) -> int:
    raise NotImplementedError
