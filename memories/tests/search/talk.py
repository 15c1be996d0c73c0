"""A talk to search in."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from memories import embedding
from memories.ingest import NewMessage, store
from memories.models import Message
from memories.providers.base import EmbeddingProvider
from memories.providers.mock import MockProvider
from memories.search import Query, Result
from memories.search import turns as finding
from memories.tests.helpers import embed_all, searched
from tenants.models import Tenant

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def told(tenant: Tenant, *contents: str, embedded: bool = True, **fields: Any) -> list[Message]:
    """Store turns, a minute apart in conversation c1, and embed them."""
    defaults = {"conversation_id": "c1", "role": "user"} | fields
    start = defaults.pop("created_at", NOW - timedelta(days=1))
    turns = [
        NewMessage(**{"created_at": start + timedelta(minutes=n), "content": content} | defaults)
        for n, content in enumerate(contents)
    ]
    stored = [one.message for one in store(tenant, turns)]
    if embedded:
        embed_all()
    return stored


def embed_by(provider: EmbeddingProvider) -> None:
    """Embed all that waits for the model of this provider."""
    while embedding.embed_batch(provider):
        pass


def ask(tenant: Tenant, text: str, **fields: Any) -> Result:
    options: dict[str, Any] = {name: fields.pop(name) for name in ("provider", "weights") if name in fields}
    return searched(tenant, Query(text, **fields), **{"provider": MockProvider(), "now": NOW} | options)


def contents(result: Result) -> list[str]:
    return [hit.message.content for hit in result.hits]


def terms_of(messages: Iterable[Message]) -> dict[str, set[str]]:
    """What the index says stands in each of the messages, by content."""
    return {one.content: set(one.postings.values_list("term", flat=True)) for one in messages}


def plan_of(tenant: Tenant, text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the database finds what a search asks for, were there more of it than in a test."""
    seen: list[str] = []
    run = finding._rows

    def explained(sql: str, values: dict[str, Any], **how: Any) -> Sequence[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off")
        seen.extend(line for (line,) in run(f"EXPLAIN {sql}", values, **how))
        return run(sql, values, **how)

    monkeypatch.setattr(finding, "_rows", explained)
    ask(tenant, text)
    return "\n".join(seen)
