"""The shapes of answers. Unknown fields are passed over, and what is optional may be missing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Fact(Answer):
    """A statement about an end user. `score` (0 to 1) is there after a recall."""

    id: str
    content: str
    category: str = ""
    confidence: float = 0.0
    temporal_state: str = ""
    slot_hint: str | None = None
    is_essential: bool = False
    source_message_id: str | None = None
    created_at: datetime | None = None
    last_refreshed_at: datetime | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    superseded_by: str | None = None
    score: float | None = None


class FactList(Answer):
    facts: list[Fact] = Field(validation_alias=AliasChoices("facts", "relevant_facts"))


class FactSource(Answer):
    """The latest message that a fact came from; of one that was deleted there is the id alone."""

    fact_id: str
    source_message_id: str | None = None
    session_id: str | None = None
    role: str | None = None
    content: str | None = None
    content_preview: str | None = None
    timestamp: datetime | None = None
    source_available: bool = True


class Profile(Answer):
    summary: str = ""
    key_traits: list[str] = []
    updated_at: datetime | None = None


class Conscious(Answer):
    """What is always worth knowing of an end user."""

    essential_facts: list[Fact]
    user_id: str = ""
    profile: Profile = Profile()


class TimelineEntry(Answer):
    fact_id: str
    content: str
    category: str = ""
    confidence: float = 0.0
    temporal_state: str = ""
    slot_hint: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    replaced_by_id: str | None = None
    is_current: bool = False


class Timeline(Answer):
    """What was true of an end user when, oldest first, and what of it is true now."""

    history: list[TimelineEntry]
    slot_hint: str | None = None
    current_fact: Fact | None = None


class Session(Answer):
    id: str
    user_id: str | None = None
    created_at: datetime | None = None


class Job(Answer):
    """Work that the service queued."""

    id: str = Field(validation_alias=AliasChoices("job_id", "id"))
    status: str = ""
    message: str = ""


class QueuedTurn(Answer):
    """The service's answer to a turn."""

    id: str = Field(validation_alias=AliasChoices("chat_log_id", "id"))


class Message(Answer):
    id: str
    conversation_id: str
    role: str
    content: str
    tenant_id: str | None = None
    user_id: str | None = None
    metadata: dict[str, Any] = {}
    importance_score: float | None = None
    importance_override: float | None = None
    embedding_status: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    archived_at: datetime | None = None


class Refusal(Answer):
    """Why a message of a batch was not stored."""

    index: int
    code: str = ""
    detail: str = ""
    attr: str | None = None


class Batch(Answer):
    created: list[Message]
    errors: list[Refusal] = []


class Turn(Answer):
    message_id: str
    role: str
    content: str
    created_at: datetime | None = None


class ContextMessage(Answer):
    """A message that a context quotes."""

    message_id: str
    content: str
    conversation_id: str = ""
    role: str = ""
    created_at: datetime | None = None
    score: float | None = None  # null for a neighbour of what was found


class Hit(Answer):
    """A message that a search found. `before` and `after` are there with `neighbours`, `explain` with `explain`."""

    message_id: str
    content: str
    score: float = 0.0
    similarity: float = 0.0
    importance: float = 0.0
    decay: float = 0.0
    role: str = ""
    conversation_id: str = ""
    metadata: dict[str, Any] = {}
    created_at: datetime | None = None
    before: list[Turn] = []
    after: list[Turn] = []
    explain: dict[str, Any] | None = None


class HitList(Answer):
    items: list[Hit]


class Context(Answer):
    """A block of text, fenced as data and ready for a prompt, empty when nothing is remembered; and what it quotes.

    `degraded`: the service had to do without a part of its search.
    """

    text: str
    tokens: int = 0
    messages: list[ContextMessage] = []
    facts: list[Fact] = []
    degraded: bool = False
