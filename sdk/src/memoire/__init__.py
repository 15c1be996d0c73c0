"""A memory for any LLM client that can never break it.

client = memoire.wrap(openai.OpenAI())
"""

from __future__ import annotations

from typing import TypeVar

from memoire.async_client import MemoireAsync
from memoire.client import Memoire
from memoire.errors import (
    MemoireAuthError,
    MemoireConfigError,
    MemoireError,
    MemoireRateLimited,
    MemoireRequestError,
    MemoireResponseError,
    MemoireUnavailable,
)
from memoire.models import (
    Conscious,
    Context,
    Fact,
    FactSource,
    Hit,
    Job,
    Message,
    Profile,
    Session,
    Timeline,
    TimelineEntry,
    Turn,
)
from memoire.wrapping.proxy import is_async

__version__ = "0.1.0"
__all__ = [
    "Conscious",
    "Context",
    "Fact",
    "FactSource",
    "Hit",
    "Job",
    "Memoire",
    "MemoireAsync",
    "MemoireAuthError",
    "MemoireConfigError",
    "MemoireError",
    "MemoireRateLimited",
    "MemoireRequestError",
    "MemoireResponseError",
    "MemoireUnavailable",
    "Message",
    "Profile",
    "Session",
    "Timeline",
    "TimelineEntry",
    "Turn",
    "wrap",
]

ClientT = TypeVar("ClientT")


def wrap(
    client: ClientT,
    *,
    memory: Memoire | MemoireAsync | None = None,
    user: str | None = None,
    session_id: str | None = None,
) -> ClientT:
    """`client`, of OpenAI, Anthropic or Google, with a memory; by default with one that the environment describes."""
    if memory is None:
        memory = MemoireAsync() if is_async(client) else Memoire()
    return memory.wrap(client, user=user, session_id=session_id)
