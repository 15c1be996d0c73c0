"""Searches of large tenants: through an index, by the rarest words, and with the same result."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from memories import tasks
from memories.models import CommonTerm, Message
from memories.search import Result, retrieval, vector_indexes
from memories.tests.search.talk import NOW, ask, contents, plan_of, told
from memories.usage import sizes
from tenants.models import Tenant
from tenants.tests.factories import TenantFactory

pytestmark = pytest.mark.django_db

words = st.sampled_from(["cat", "dog", "sea", "tree", "moon", "zebra", "foo_bar", "the"])
texts = st.lists(st.lists(words, min_size=1, max_size=12).map(" ".join), min_size=1, max_size=14)
queries = st.lists(words, min_size=1, max_size=4).map(" ".join)


@pytest.fixture(autouse=True)
def _every_filter_leaves_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "EXACT_UP_TO", -1)


def enlarged(tenant: Tenant) -> Tenant:
    vector_indexes.count_terms(tenant)
    tenant.has_vector_index = True
    tenant.save()
    return tenant


def shown(result: Result) -> list[tuple[Any, Any]]:
    return [(hit.message.pk, pytest.approx(hit.ranked.score)) for hit in result.hits]


@examples(max_examples=60)
@given(texts, queries, st.integers(1, 8), st.sampled_from(["hybrid", "semantic", "lexical"]))
def test_a_large_tenant_is_found_the_same_in(said: list[str], query: str, top_k: int, mode: Any) -> None:
    tenant = TenantFactory.create()
    told(tenant, *said)
    exact = ask(tenant, query, top_k=top_k, mode=mode)
    large = ask(enlarged(tenant), query, top_k=top_k, mode=mode)
    assert shown(large) == shown(exact)


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "lexical"])
@pytest.mark.parametrize(
    "wanted", [{"role": "tool"}, {"user_id": "ann"}, {"metadata": {"lang": "de"}}, {"conversation_id": "c2"}]
)
def test_filters_never_thin_a_result(tenant, wanted: dict[str, Any], mode: Any) -> None:
    told(tenant, *[f"cat {n}" for n in range(30)])
    told(tenant, *[f"a cat, a dog and the sea {n}" for n in range(3)], **wanted)
    result = ask(enlarged(tenant), "cat", top_k=3, candidate_limit=1, mode=mode, **wanted)
    assert sorted(contents(result)) == [f"a cat, a dog and the sea {n}" for n in range(3)]


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "lexical"])
def test_what_few_pass_is_found_as_in_a_small_tenant(tenant, monkeypatch: pytest.MonkeyPatch, mode: Any) -> None:
    monkeypatch.setattr(retrieval, "EXACT_UP_TO", 3)
    told(tenant, *[f"cat {n}" for n in range(9)], role="assistant")
    told(tenant, "cat cat", "a cat, a dog", "the sea", role="tool")
    small = ask(tenant, "cats at sea", mode=mode, role="tool")
    assert shown(ask(enlarged(tenant), "cats at sea", mode=mode, role="tool")) == shown(small)
    assert small.hits


def test_what_is_archived_is_found_only_if_asked_for(tenant) -> None:
    told(tenant, "a cat", "a cat, too")
    Message.objects.filter(content="a cat").update(archived_at=NOW)
    enlarged(tenant)
    assert contents(ask(tenant, "cat")) == ["a cat, too"]
    assert sorted(contents(ask(tenant, "cat", include_archived=True))) == ["a cat", "a cat, too"]


def test_a_long_text_hides_no_others(tenant) -> None:
    told(tenant, "cat " * 6000, *["a cat and a dog", "a cat by the sea"])
    result = ask(enlarged(tenant), "cat", mode="semantic", top_k=3, candidate_limit=1)
    assert len(result.hits) == 3


def test_what_follows_is_searched_only_if_it_passes(tenant) -> None:
    told(tenant, "where is the zebra?", role="user")
    told(tenant, "over there", role="assistant", created_at=NOW - timedelta(days=1) + timedelta(minutes=1))
    enlarged(tenant)
    assert contents(ask(tenant, "zebra", role="user")) == ["where is the zebra?"]
    assert len(ask(tenant, "zebra").hits) == 2


@pytest.mark.parametrize(("top_k", "statements"), [(10, []), (100, ["SET LOCAL hnsw.ef_search = 200"])])
def test_only_many_results_take_a_statement_to_set_up_the_index(
    tenant, monkeypatch, top_k: int, statements: list[str]
) -> None:
    monkeypatch.setattr(retrieval, "WINDOWS_MAX", 0)  # few messages are no reason to ask for more
    told(tenant, "a cat")
    with CaptureQueriesContext(connection) as context:
        ask(enlarged(tenant), "cat", top_k=top_k)
    assert [one["sql"] for one in context.captured_queries if "LOCAL hnsw" in one["sql"]] == statements


@pytest.mark.django_db(transaction=True)
def test_a_search_takes_five_statements(tenant, monkeypatch) -> None:
    """Two scopes, who of those that speak is named, what is found, what is shown of it."""
    monkeypatch.setattr(retrieval, "WINDOWS_MAX", 0)
    told(tenant, "a cat", "a dog")
    enlarged(tenant)
    with CaptureQueriesContext(connection) as context:
        ask(tenant, "Where is Anna's cat?")
    assert len([one for one in context.captured_queries if one["sql"] not in ("BEGIN", "COMMIT")]) == 5


# --- Words ------------------------------------------------------------------------------------------------------------


def test_only_the_rarest_words_are_looked_up_where_there_are_many(tenant, monkeypatch) -> None:
    monkeypatch.setattr(retrieval, "POSTINGS_UP_TO", 3)
    told(tenant, *[f"cat {n}" for n in range(9)], "dog", "dog, too")
    hits = ask(enlarged(tenant), "cat dog", mode="lexical", top_k=10).hits
    assert sorted(hit.message.content for hit in hits) == ["dog", "dog, too"]


def test_of_a_word_that_all_say_the_latest_are_looked_up_or_all_that_pass(tenant, monkeypatch) -> None:
    monkeypatch.setattr(retrieval, "POSTINGS_UP_TO", 3)
    told(tenant, *[f"cat {n}" for n in range(9)])
    assert contents(ask(enlarged(tenant), "cat", mode="lexical", top_k=10)) == ["cat 8", "cat 7", "cat 6"]
    assert len(ask(tenant, "cat", mode="lexical", top_k=10, role="user").hits) == 9


def test_common_terms_are_counted_with_the_number_of_messages(tenant, monkeypatch) -> None:
    monkeypatch.setattr(vector_indexes, "COMMON", 3)
    told(tenant, "a cat", "cats", "cat cat", "dog")
    vector_indexes.count_terms(tenant)
    assert dict(CommonTerm.objects.values_list("term", "messages")) == {"": 4, "cat": 3}


def test_counts_of_common_terms_are_believed(tenant) -> None:
    told(tenant, "a cat", "a dog")
    enlarged(tenant)
    CommonTerm.objects.create(tenant=tenant, term="cat", messages=700)
    assert ask(tenant, "cat dog").ranking.messages_with == [700, 1]


# --- The index --------------------------------------------------------------------------------------------------------


@pytest.fixture
def _from_two_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_indexes, "LARGE", 2)


def measured(tenant: Tenant, *said: str) -> Tenant:
    told(tenant, *said)
    sizes.measure(now=NOW)
    return tenant


def kept() -> list[Tenant]:
    return list(vector_indexes.keep())


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_from_two_on")
def test_a_large_tenant_gets_an_index_that_its_searches_use(tenant, monkeypatch) -> None:
    measured(tenant, *[f"cat {n}" for n in range(50)])
    assert kept() == [tenant]
    tenant.refresh_from_db()
    (name,) = vector_indexes._there()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    assert f"Index Scan using {name}" in plan_of(tenant, "cat", monkeypatch)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_from_two_on")
def test_a_small_tenant_gets_none(tenant) -> None:
    measured(tenant, "cat")
    assert (kept(), vector_indexes._there()) == ([], {})


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_from_two_on")
def test_what_is_large_no_more_loses_it(tenant) -> None:
    measured(tenant, "cat", "dog", "sea")
    kept()
    Message.objects.all().delete()
    measured(tenant)
    assert (kept(), vector_indexes._there()) == ([], {})
    tenant.refresh_from_db()
    assert (tenant.has_vector_index, CommonTerm.objects.count()) == (False, 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_from_two_on")
def test_a_build_that_broke_off_is_begun_anew(tenant) -> None:
    measured(tenant, "cat", "dog")
    kept()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [*vector_indexes._there()]
        )
    assert [*vector_indexes._there().values()] == ["broken"]
    kept()
    assert [*vector_indexes._there().values()] == ["valid"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_from_two_on")
def test_what_cannot_be_indexed_is_searched_exactly(tenant) -> None:
    measured(tenant, "cat", "dog")
    Tenant.objects.filter(pk=tenant.pk).update(embedding_model="mock:mock:5000")
    assert kept() == []
    tenant.refresh_from_db()
    assert not tenant.has_vector_index


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_from_two_on")
def test_the_command_does_it_now(tenant, capsys) -> None:
    told(tenant, "cat", "dog")
    call_command("index_vectors")
    assert capsys.readouterr().out.splitlines() == [f"{tenant.slug}: indexed", "Tenants of 2 messages and more: 1."]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_from_two_on")
def test_the_beat_does_it_in_time(tenant) -> None:
    measured(tenant, "cat", "dog")
    tasks.keep_vector_indexes()
    tenant.refresh_from_db()
    assert tenant.has_vector_index
