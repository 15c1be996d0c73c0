"""Which messages are candidates, and by which scores."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from memories.models import Message
from memories.providers.mock import MockProvider
from memories.ranking import Numbers
from memories.ranking.bm25 import covered, rarity
from memories.ranking.words import alternatives, terms
from memories.search import Query
from memories.search.query import Understood, understand
from memories.search.turns import found
from memories.tests.search.talk import NOW, plan_of, told
from tenants.isolation import tenant_scope
from tenants.models import Tenant
from tenants.tests.factories import TenantFactory

pytestmark = pytest.mark.django_db

words = st.sampled_from(["cat", "cats", "dog", "sea", "tree", "moon", "foo_bar", "the"])
contents = st.lists(st.lists(words, max_size=30).map(" ".join), min_size=1, max_size=12)
queries = st.lists(words, min_size=1, max_size=5).map(" ".join)


def meant_by(tenant: Tenant, query: Query) -> Understood:
    return understand(tenant, query, named={}, provider=MockProvider(), now=NOW)


@dataclass(frozen=True)
class Retrieved:
    """Ids, best first, of either retrieval."""

    semantic: list[UUID]
    lexical: list[UUID]
    messages_with: Sequence[int]
    total: int


def retrieved(tenant: Tenant, text: str, **fields) -> Retrieved:
    query = Query(text, **fields)
    with tenant_scope(tenant):
        known = found(tenant, meant_by(tenant, query), now=NOW)
    by_rank = (known.turns.semantic_rank, known.turns.lexical_rank)
    semantic, lexical = (_in_order(known.turns.ids, ranks) for ranks in by_rank)
    return Retrieved(semantic, lexical, known.messages_with, known.total)


def _in_order(ids: Sequence[UUID], ranks: Numbers) -> list[UUID]:
    return [one for _, one in sorted((rank, one) for rank, one in zip(ranks, ids, strict=True) if rank > 0)]


def by_hand(messages: Sequence[Message], query: str) -> dict[Message, float]:
    """BM25 in Python, as a share of the weight of all words, of the messages that hold any."""
    asked = alternatives(query)
    counted = {one: Counter(terms(one.content)) for one in messages}
    often = {one: [sum(count[term] for term in word) for word in asked] for one, count in counted.items()}
    holding = [sum(1 for counts in often.values() if counts[n]) for n in range(len(asked))]
    weights = [rarity(with_it, of=len(messages)) for with_it in holding]
    return {
        one: float(covered(counts, weights, length=counted[one].total()))
        for one, counts in often.items()
        if any(counts)
    }


@examples(max_examples=60)
@given(contents, queries)
def test_the_database_scores_words_as_the_formula_does(texts: list[str], query: str) -> None:
    tenant = TenantFactory.create()
    messages = told(tenant, *[f"{text}." for text in texts], embedded=False)
    scores = {one.pk: score for one, score in by_hand(messages, query).items()}
    found = retrieved(tenant, query, mode="lexical", candidate_limit=100).lexical
    assert set(found) == scores.keys()
    assert [scores[one] for one in found] == pytest.approx(sorted(scores.values(), reverse=True))


def test_words_are_counted_over_the_messages_that_pass(tenant) -> None:
    told(tenant, "a cat", "a cat and a dog", "the sea")
    told(tenant, "a cat", "a dog", conversation_id="c2")
    found = retrieved(tenant, "cat dog fish", mode="lexical", conversation_id="c1")
    assert (found.total, list(found.messages_with)) == (3, [2, 1, 0])


def test_an_alternative_counts_as_the_word_itself(tenant) -> None:
    told(tenant, "Wohnung", "wohnungen", "Haus", embedded=False)
    found = retrieved(tenant, "Wohnungen", mode="lexical")
    assert (len(found.lexical), list(found.messages_with)) == (2, [2])


@pytest.mark.parametrize(("limit", "top_k", "expected"), [(40, 1, 10), (4, 1, 1), (1, 7, 7), (41, 1, 11)])
def test_each_retrieval_gives_a_quarter_of_the_candidates(tenant, limit: int, top_k: int, expected: int) -> None:
    told(tenant, *[f"cat {n}" for n in range(15)])
    found = retrieved(tenant, "cat", candidate_limit=limit, top_k=top_k)
    assert (len(found.semantic), len(found.lexical)) == (expected, expected)


def test_a_message_of_many_windows_is_one_candidate(tenant) -> None:
    (long, _) = told(tenant, "cat " * 3000, "dog")
    assert Counter(retrieved(tenant, "cat", mode="semantic").semantic)[long.pk] == 1


def test_nothing_that_passes_is_nothing_found(tenant) -> None:
    told(tenant, "a cat")
    found = retrieved(tenant, "cat", user_id="nobody")
    assert (found.semantic, found.lexical, found.total, list(found.messages_with)) == ([], [], 0, [0])


def test_a_query_without_words_is_searched_by_meaning_alone(tenant) -> None:
    (message,) = told(tenant, "a cat")
    found = retrieved(tenant, "what is it")
    assert (list(found.semantic), list(found.lexical)) == ([message.pk], [])


def test_equals_are_in_the_order_of_their_ids(tenant) -> None:
    messages = told(tenant, *["cat"] * 6, created_at=NOW - timedelta(days=2))
    ids = sorted(one.pk for one in messages)
    found = retrieved(tenant, "cat")
    assert (list(found.semantic), list(found.lexical)) == (ids, ids)


def test_what_was_stored_a_moment_ago_is_gone_through_once(tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until its statistics are made anew the database takes a tenant for empty: 4,800 messages took 700 ms, not 30."""
    told(TenantFactory.create(), *[f"cat {n}" for n in range(40)])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    told(tenant, *[f"cat {n}" for n in range(40)])
    plan = plan_of(tenant, "cat", monkeypatch)
    assert "Semi Join" not in plan
    assert plan.count("hashed SubPlan") >= 2
    assert plan.count("embedding_window_of_tenant") == 1
    assert "embedding_window_is_unique" in plan
