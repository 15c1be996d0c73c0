"""The filters of a search: what comes back is exactly what passes them, however few that are."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memories import embedding
from memories.importance import Formula, importance
from memories.models import Message, MessageEmbedding
from memories.providers import embedding_provider
from memories.providers.base import model_key
from memories.tests.api.calls import complaint
from memories.tests.factories import ConversationFactory, MessageFactory
from tenants.models import EndUser

pytestmark = pytest.mark.django_db
START = timezone.now().astimezone(UTC).replace(microsecond=0) - timedelta(days=40)
SINGLE = ["5", 5, 5.5, True, "true", False, "false", "x", None]
VALUES = [*SINGLE, [5], {"a": 5}]


def embed(messages) -> None:
    provider = embedding_provider()
    MessageEmbedding.objects.bulk_create(
        MessageEmbedding(tenant=one.tenant, message=one, model=model_key(provider)) for one in messages
    )
    while embedding.embed_batch(provider):
        pass


@pytest.fixture
def corpus(tenant) -> list[Message]:
    """Forty messages of every kind; each holds the word `cat`."""
    users = [EndUser.objects.create(tenant=tenant, external_id=name) for name in ("ann", "bob")]
    talks = [ConversationFactory.create(tenant=tenant, external_id=name) for name in ("a", "b", "c")]
    messages = [
        MessageFactory.create(
            conversation=talks[n % 3],
            end_user=[*users, None][n % 7 % 3],
            role=["user", "assistant", "tool", "system"][n % 4],
            content=f"cat {n}",
            created_at=START + timedelta(days=n),
            importance_override=[None, 0.0, 1.0][n % 5 % 3],
            archived_at=START if n % 6 == 0 else None,
            metadata={"k": VALUES[n % len(VALUES)], "even": n % 2 == 0} if n % 8 else {},
        )
        for n in range(40)
    ]
    embed(messages)
    return messages


FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "conversation_id": st.sampled_from(["a", "b", "nowhere"]),
        "user_id": st.sampled_from(["ann", "bob", "nobody"]),
        "role": st.sampled_from(["user", "assistant", "tool", "system"]),
        "since": st.integers(0, 40),
        "until": st.integers(0, 40),
        "importance_min": st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        "include_archived": st.booleans(),
        "metadata.k": st.sampled_from(["5", "5.5", "true", "false", "x", "null", "[5]", "5.0"]),
        "metadata.even": st.sampled_from(["true", "false"]),
    },
)


def passes(message: Message, filters: dict[str, Any], *, now: datetime) -> bool:
    """The filters as the contract words them, one row at a time."""
    score = importance(message.role, message.importance_override, message.created_at, now=now, formula=Formula())
    user = message.end_user.external_id if message.end_user else None
    checks = {
        "conversation_id": lambda value: message.conversation.external_id == value,
        "user_id": lambda value: user == value,
        "role": lambda value: message.role == value,
        "since": lambda day: message.created_at >= START + timedelta(days=day),
        "until": lambda day: message.created_at <= START + timedelta(days=day),
        "importance_min": lambda value: score >= value,
        "include_archived": lambda _: True,
        "metadata.k": lambda value: spelled("k", message, value),
        "metadata.even": lambda value: spelled("even", message, value),
    }
    visible = filters.get("include_archived", False) or message.archived_at is None
    return visible and all(checks[name](value) for name, value in filters.items())


def spelled(key: str, message: Message, text: str) -> bool:
    """Whether the message's value is this text, or the number or boolean that it spells."""
    value = message.metadata.get(key)
    if isinstance(value, str):
        return value == text
    if isinstance(value, bool):
        return text == json.dumps(value)
    return isinstance(value, int | float) and text not in ("true", "false", "x", "null", "[5]") and float(text) == value


def as_query(filters: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        name: json.dumps(value) if isinstance(value, bool) else value for name, value in filters.items()
    }
    for name in ("since", "until"):
        if name in shown:
            shown[name] = (START + timedelta(days=shown[name])).isoformat()
    return shown


@given(filters=FILTERS, mode=st.sampled_from(["hybrid", "semantic", "lexical"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_search_returns_what_passes_its_filters_and_nothing_else(api, corpus, filters, mode):
    expected = {message.content for message in corpus if passes(message, filters, now=timezone.now())}
    query = {"query": "cat", "top_k": 100, "mode": mode, **as_query(filters)}
    answer = api.get("/v1/memory/search", query).json()
    assert {item["content"] for item in answer["items"]} == expected
    assert len(answer["items"]) == len(expected)


@given(value=st.sampled_from(SINGLE))
@settings(max_examples=len(SINGLE), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_metadata_in_a_body_is_taken_at_its_type(api, corpus, value):
    kept = [one for one in corpus if one.archived_at is None and "k" in one.metadata]
    expected = {one.content for one in kept if json.dumps(one.metadata["k"]) == json.dumps(value)}
    if isinstance(value, str):
        expected |= {one.content for one in kept if spelled("k", one, value)}
    answer = api.post("/v1/memory/search", {"query": "cat", "top_k": 100, "metadata": {"k": value}}).json()
    assert {item["content"] for item in answer["items"]} == expected


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "lexical"])
def test_a_filter_never_thins_the_result(api, tenant, mode):
    conversation = ConversationFactory.create(tenant=tenant)
    crowd = [MessageFactory.create(conversation=conversation, content="cat cat cat") for _ in range(60)]
    few = [
        MessageFactory.create(conversation=conversation, content=f"a cat far away, number {n}", role="tool")
        for n in range(3)
    ]
    embed([*crowd, *few])
    query = {"query": "cat", "top_k": 3, "mode": mode, "role": "tool", "candidate_limit": 3}
    answer = api.get("/v1/memory/search", query).json()
    assert {item["message_id"] for item in answer["items"]} == {str(one.pk) for one in few}


@pytest.mark.parametrize("value", [[1], [], {"a": 1}, {}])
def test_metadata_is_compared_with_single_values_only(api, value):
    """PostgreSQL's containment would call a longer list or a larger object a match."""
    refusal = api.post("/v1/memory/search", {"query": "cat", "metadata": {"k": value}})
    assert complaint(refusal) == (400, "not_single", "metadata")
