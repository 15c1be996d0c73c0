"""Whatever the filters, a search finds what brute force over the messages that pass them finds."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from memories.ingest import NewMessage, store
from memories.models import Message
from memories.ranking import Ranked
from memories.search import Query
from memories.tests.helpers import embed_all
from memories.tests.search.brute_force import Everything
from memories.tests.search.talk import NOW, ask
from tenants.models import EndUser, Tenant
from tenants.tests.factories import TenantFactory

pytestmark = pytest.mark.django_db

minutes = st.sampled_from([1, 2, 30, 59, 61, 1440, 20_000])  # between turns: within an hour and without
texts = st.lists(
    st.sampled_from(["cat", "dogs", "sea", "taxes", "moon", "Anna", "ben", "foo_bar"]), min_size=1, max_size=6
)
contents = st.tuples(texts, st.sampled_from(["", "", "?"])).map(lambda one: " ".join(one[0]) + one[1])
metadata = st.fixed_dictionaries({}, optional={"lang": st.sampled_from(["en", "de"]), "speaker": st.just("Anna Bell")})
turns = st.fixed_dictionaries(
    {
        "conversation_id": st.sampled_from(["c1", "c2"]),
        "role": st.sampled_from(["user", "assistant", "tool"]),
        "content": contents,
        "user_id": st.sampled_from([None, "ann", "bo"]),
        "metadata": metadata,
        "importance_override": st.sampled_from([None, 0.0, 0.9]),
    }
)
histories = st.lists(st.tuples(minutes, turns, st.booleans()), min_size=1, max_size=16)
moments = st.integers(-40, 1).map(lambda days: NOW + timedelta(days=days))
queries = st.fixed_dictionaries(
    {"text": texts.map(" ".join), "mode": st.sampled_from(["hybrid", "semantic", "lexical"])},
    optional={
        "conversation_id": st.sampled_from(["c1", "c2", "c3"]),
        "user_id": st.sampled_from(["ann", "bo", "cy"]),
        "role": st.sampled_from(["user", "assistant", "system"]),
        "since": moments,
        "until": moments,
        "metadata": st.sampled_from([{"lang": "en"}, {"lang": "de"}, {"speaker": "Anna Bell"}]),
        "importance_min": st.sampled_from([0.123, 0.345, 0.567]),
        "include_archived": st.booleans(),
    },
)


def kept(tenant: Tenant, history: Sequence[tuple[int, dict[str, Any], bool]]) -> list[Message]:
    """Store a history that ends an hour ago, embedded, a part of it archived; oldest first."""
    at = NOW - timedelta(hours=1, minutes=sum(gap for gap, _, _ in history))
    new = []
    for gap, fields, _ in history:
        at += timedelta(minutes=gap)
        new.append(NewMessage(**fields, created_at=at))
    stored = [one.message for one in store(tenant, new)]
    away = [one.pk for one, (_, _, archived) in zip(stored, history, strict=True) if archived]
    Message.objects.filter(pk__in=away).update(archived_at=NOW)
    embed_all()
    return list(Message.objects.for_tenant(tenant).select_related("conversation").order_by("created_at", "id"))


def everything(messages: Sequence[Message], query: dict[str, Any]) -> Everything:
    users = {one.pk: str(one.external_id) for one in EndUser.objects.filter(tenant=messages[0].tenant)}
    return Everything(messages, Query(**query), NOW, users)


def scores(ranked: Sequence[Ranked]) -> list[float]:
    return [one.score for one in ranked]


@examples(max_examples=60)
@given(histories, queries, st.integers(1, 20))
def test_a_search_finds_what_brute_force_finds(history, query, top_k) -> None:
    messages = kept(TenantFactory.create(), history)
    result = ask(messages[0].tenant, **query, top_k=top_k, candidate_limit=100)
    expected = everything(messages, query).ranked(result.weights)
    score_of = {one.candidate.message_id: one.score for one in expected}
    found = [hit.ranked for hit in result.hits]
    assert scores(found) == pytest.approx(scores(expected[:top_k]), abs=1e-5)
    assert [score_of[one.candidate.message_id] for one in found] == pytest.approx(scores(found), abs=1e-5)


@examples(max_examples=40)
@given(histories, queries, st.integers(1, 4))
def test_few_candidates_never_thin_a_result(history, query, top_k) -> None:
    messages = kept(TenantFactory.create(), history)
    result = ask(messages[0].tenant, **query, top_k=top_k, candidate_limit=1)
    matching = everything(messages, query).ranked(result.weights)
    assert len(result.hits) == min(top_k, len(matching))
    assert {hit.message.pk for hit in result.hits} <= {one.candidate.message_id for one in matching}
