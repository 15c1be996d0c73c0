"""What a query asks for, and what is read from it: the times that it names, its words, its vectors."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import structlog

from memories import search_cache
from memories.providers.base import EmbeddingProvider, ProviderError, Vectors, model_key
from memories.ranking.dates import Span, spans
from memories.ranking.words import EXACT, alternatives, without_speakers
from tenants.models import Tenant

log = structlog.get_logger(__name__)
Mode = Literal["hybrid", "semantic", "lexical"]
Scope = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Query:
    """What to search for, and where. `asked_by`: the end user whose key asks, who is told of nobody else's."""

    text: str
    top_k: int = 5
    mode: Mode = "hybrid"
    candidate_limit: int = 200
    conversation_id: str | None = None
    user_id: str | None = None
    role: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    importance_min: float | None = None
    include_archived: bool = False
    neighbours: int = 0
    asked_by: UUID | None = None


@dataclass(frozen=True)
class Understood:
    """A query as it was read.

    `text`: what of it is embedded; `participants`: who is named, as terms; `words`: the alternatives of each of the
    others, if words are searched for; `vector` and the signs of its `tokens`: its embedding under `model`, None where
    none is wanted, the model shows no tokens, or none could be had (`degraded`).
    """

    query: Query
    text: str
    participants: Sequence[str]
    words: Sequence[frozenset[str]]
    times: Sequence[Span]
    model: str
    vector: Vectors | None = None
    tokens: bytes | None = None
    degraded: bool = False

    @property
    def identifiers(self) -> list[int]:
        """Which of the words are identifiers, as written."""
        return [number for number, terms in enumerate(self.words) if any(term.startswith(EXACT) for term in terms)]

    @property
    def named(self) -> list[str]:
        """The parts of ranking that it gives a reason for."""
        given = {"exact": self.identifiers, "speaker": self.participants, "date": self.times}
        return [part for part, found in given.items() if found]


def read(tenant: Tenant, query: Query, *, named: Mapping[str, str], model: str, now: datetime) -> Understood:
    """The query, read without being embedded; `named` are its participants.

    A name says who spoke, which is another question than what it was about: it is matched with the speaker and not
    embedded.
    """
    text = without_speakers(query.text, named)
    words = () if query.mode == "semantic" else alternatives(text, language=tenant.language)
    return Understood(query, text, tuple(named), words, spans(query.text, now=now), model)


def understand(
    tenant: Tenant, query: Query, *, named: Mapping[str, str], provider: EmbeddingProvider, now: datetime
) -> Understood:
    """Read and embed the query. Without the provider the answer is by words, not an error."""
    meant = read(tenant, query, named=named, model=model_key(provider), now=now)
    if query.mode == "lexical":
        return meant
    try:
        embedded = search_cache.query_embedding(provider, meant.text)
    except ProviderError as error:
        log.warning("search_degraded", reason=str(error))
        return replace(meant, words=alternatives(meant.text, language=tenant.language), degraded=True)
    return replace(meant, vector=embedded.vector, tokens=embedded.tokens)
