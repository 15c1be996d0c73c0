import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import numpy as np
import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from memories import editing, search_cache
from memories.ingest import NewMessage, store
from memories.models import Message
from memories.providers.base import Vectors
from memories.providers.mock import MockProvider
from memories.search import Query, search
from memories.tests.helpers import embed_all, redis_client, searched, without_redis
from tenants.isolation import tenant_scope
from tenants.models import Tenant
from tenants.tests.factories import TenantFactory

CAT = Query("cat")


class CountingProvider(MockProvider):
    def __init__(self, *, dimensions: int = 64) -> None:
        super().__init__(dimensions=dimensions)
        self.queries: list[str] = []

    def embed_query(self, text: str) -> Vectors:
        self.queries.append(text)
        return super().embed_query(text)


@pytest.fixture
def told(transactional_db):
    """A tenant of one embedded message, and an archived one."""
    tenant = TenantFactory.create()
    store(tenant, [NewMessage("c1", "user", "a cat"), NewMessage("c2", "user", "an old cat")])
    embed_all()
    editing.update(Message.objects.get(content="an old cat"), {"archived": True})
    return tenant


def found(tenant: Tenant, query: Query = CAT) -> list[str]:
    result = searched(tenant, query)
    return sorted(hit.message.content for hit in result.hits)


def ranks_anew(tenant: Tenant, query: Query = CAT) -> bool:
    """Whether a search reads vectors or words, or has its ranking from the cache."""
    with CaptureQueriesContext(connection) as context:
        found(tenant, query)
    return any("eligible" in one["sql"] for one in context.captured_queries)


# --- Ranked results ---------------------------------------------------------------------------------------------------


def test_a_repeated_search_ranks_nothing_anew(told) -> None:
    assert [ranks_anew(told) for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize(
    "other", [Query("cats"), Query("cat", top_k=6), Query("cat", mode="lexical"), Query("cat", include_archived=True)]
)
def test_another_search_is_another_entry(told, other: Query) -> None:
    found(told)
    assert ranks_anew(told, other)


def _store(tenant: Tenant) -> None:
    store(tenant, [NewMessage("c1", "user", "a second cat")])


def _edit(tenant: Tenant) -> None:
    editing.update(Message.objects.get(content="a cat"), {"content": "one cat"})


def _archive(tenant: Tenant) -> None:
    editing.update(Message.objects.get(content="a cat"), {"archived": True})


def _restore(tenant: Tenant) -> None:
    editing.update(Message.objects.get(content="an old cat"), {"archived": False})


def _delete(tenant: Tenant) -> None:
    editing.delete(Message.objects.filter(content="a cat"))


def _delete_conversation(tenant: Tenant) -> None:
    editing.delete_conversation(Message.objects.get(content="a cat").conversation)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (_store, ["a cat", "a second cat"]),
        (_edit, ["one cat"]),
        (_archive, []),
        (_restore, ["a cat", "an old cat"]),
        (_delete, []),
        (_delete_conversation, []),
    ],
)
def test_a_write_is_seen_by_the_next_search(told, write: Callable[[Tenant], None], expected: list[str]) -> None:
    found(told)
    write(told)
    assert ranks_anew(told)
    assert found(told) == expected


def test_a_deleted_hit_makes_room_for_the_next_best(told) -> None:
    _store(told)
    best = Query("a cat", top_k=1)
    (first,) = found(told, best)
    editing.delete(Message.objects.filter(content=first))
    (second,) = found(told, best)
    assert {first, second} == {"a cat", "a second cat"}


def test_a_finished_embedding_is_seen_by_the_next_search(told) -> None:
    by_meaning = Query("cattle", mode="semantic")
    _store(told)
    assert found(told, by_meaning) == ["a cat"]
    embed_all()
    assert found(told, by_meaning) == ["a cat", "a second cat"]


def test_other_tenants_keep_their_entries(told) -> None:
    found(told)
    _store(TenantFactory.create())
    assert not ranks_anew(told)


def test_a_write_that_is_rolled_back_changes_nothing(told) -> None:
    found(told)
    with transaction.atomic():
        _store(told)
        transaction.set_rollback(True)
    assert not ranks_anew(told)


def test_what_was_ranked_before_a_write_is_not_kept_for_after(told) -> None:
    """A write that is committed while a search runs: what that search found goes under the old name."""
    before = search_cache.results_key(told.pk, "query")
    _delete(told)
    search_cache.keep(before, "of before")
    assert search_cache.answer(before) == "of before"
    assert search_cache.answer(search_cache.results_key(told.pk, "query")) is None


def test_a_forgotten_generation_never_comes_back(told) -> None:
    before = search_cache.results_key(told.pk, "query")
    cache.delete(search_cache.generation_key(told.pk))
    assert search_cache.results_key(told.pk, "query") != before


def test_a_key_names_the_tenant() -> None:
    one, other = uuid.uuid4(), uuid.uuid4()
    assert search_cache.results_key(one, "query") != search_cache.results_key(other, "query")


def test_all_results_of_a_tenant_have_keys_that_begin_alike(told) -> None:
    found(told)
    found(told, Query("cats"))
    with redis_client() as client:
        names = list(client.scan_iter(match=cache.make_key(search_cache.results_prefix(told.pk)) + "*"))
    assert len(names) == 2


def test_no_text_is_kept(told) -> None:
    found(told, Query("cat xylophone"))
    with redis_client() as client:
        keys = [key for key in client.scan_iter() if client.type(key) == b"string"]
        kept = [key + cast("bytes", client.get(key)) for key in keys]
    assert len(kept) >= 3
    assert not any(word in entry for entry in kept for word in (b"xylophone", b"a cat"))


def test_nothing_is_kept_where_that_is_set(told, settings) -> None:
    settings.MEMORY_CACHE_SEARCH_TTL_SECONDS = 0
    assert [ranks_anew(told) for _ in range(2)] == [True, True]


def test_searches_go_on_without_redis(told) -> None:
    with without_redis():
        assert [found(told) for _ in range(2)] == [["a cat"]] * 2


# --- Vectors of queries -----------------------------------------------------------------------------------------------


def test_a_query_is_embedded_once() -> None:
    provider = CountingProvider()
    first, second = (search_cache.query_embedding(provider, "which cat").vector for _ in range(2))
    assert provider.queries == ["which cat"]
    assert second.dtype == np.float32
    assert (first == second).all()


def test_each_model_embeds_for_itself() -> None:
    small, large = CountingProvider(dimensions=8), CountingProvider(dimensions=16)
    shapes = [search_cache.query_embedding(one, "which cat").vector.shape for one in (small, large, small)]
    assert shapes == [(8,), (16,), (8,)]


@pytest.mark.parametrize("text", ["é", "😀", "\ud800", "a" * 8000])
def test_any_text_is_a_key(text: str) -> None:
    assert search_cache.results_key(uuid.uuid4(), text)


def test_without_redis_each_query_is_embedded() -> None:
    provider = CountingProvider()
    with without_redis():
        for _ in range(2):
            search_cache.query_embedding(provider, "which cat")
    assert len(provider.queries) == 2


def test_a_search_names_its_results_before_it_chooses_a_database(told) -> None:
    """A write between its scope and its ranking, which a replica may lack, is in the next search."""

    @contextmanager
    def scope_begun_before_a_write() -> Iterator[None]:
        with tenant_scope(told):
            cache.set(search_cache.generation_key(told.pk), uuid.uuid4().hex, timeout=None)
            yield

    search(told, CAT, scope=scope_begun_before_a_write, provider=MockProvider(), now=timezone.now())
    assert ranks_anew(told)
