"""Without Redis: the cache is empty, and the service goes on."""

from typing import cast

import pytest
from django.core.cache import cache, caches
from redis.exceptions import RedisError

from memory_layer.cache import CountingRedisCache, ForgivingRedisCache

GONE = "redis://127.0.0.1:1/0"


@pytest.fixture
def gone(settings) -> ForgivingRedisCache:
    """The cache of a Redis where nobody listens."""
    options = settings.CACHES["default"]["OPTIONS"]
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": GONE, "OPTIONS": options}}
    return ForgivingRedisCache(GONE, {"OPTIONS": options})


def test_it_behaves_as_an_empty_one(gone):
    gone.set("a", 1, timeout=5)
    assert gone.get("a") is None
    assert gone.get("a", 2) == 2
    assert gone.get("a", default=3) == 3
    assert gone.add("a", 1) is True
    assert gone.delete("a") is False


def test_each_failure_is_logged_by_its_kind(gone, caplog):
    gone.get("secret-key")
    (record,) = caplog.records
    assert (record.msg["event"], record.msg["error"]) == ("cache_unavailable", "ConnectionError")
    assert "secret" not in str(record.msg)


def test_what_must_know_of_the_outage_learns_of_it(gone):
    with pytest.raises(RedisError, match="refused"):
        gone.incr("a")


def test_with_redis_it_keeps_what_it_is_given():
    cache.set("a", {"b": 1})
    assert cache.get("a") == {"b": 1}
    assert cache.add("a", 2) is False
    assert cache.delete("a") is True
    assert cache.get("a", 3) == 3


@pytest.mark.django_db
def test_stores_and_searches_go_on(gone, api, settings, django_capture_on_commit_callbacks):
    settings.MEMORY_ASYNC_EMBEDDINGS = False
    with django_capture_on_commit_callbacks(execute=True):
        stored = api.post("/v1/messages", {"conversation_id": "c", "role": "user", "content": "a cat"})
    found = api.get("/v1/memory/search", {"query": "cat"}).json()
    assert stored.status_code == 200
    assert ([hit["content"] for hit in found["items"]], found["degraded"]) == (["a cat"], False)


# --- What counts ----------------------------------------------------------------------------------------------------


def counted(name, *, lifetime):
    counters = caches["limits"]
    assert counters.add(name, 1, lifetime) is False
    return counters.incr(name)


def time_to_live(name):
    counters = cast("CountingRedisCache", caches["limits"])
    return counters._cache.get_client(write=True).ttl(counters.make_key(name))


def test_a_counter_is_made_counted_and_given_its_lifetime():
    assert [counted("a", lifetime=65), counted("a", lifetime=65), counted("b", lifetime=65)] == [1, 2, 1]
    assert 0 < time_to_live("a") <= 65


def test_a_counter_lives_no_longer_for_being_counted():
    counted("a", lifetime=5)
    counted("a", lifetime=3600)
    assert 0 < time_to_live("a") <= 5


def test_a_counter_that_vanished_meanwhile_is_made_again_with_its_lifetime():
    counters = caches["limits"]
    counted("a", lifetime=65)
    counters.add("a", 1, 65)
    counters.delete("a")
    assert counters.incr("a") == 1
    assert time_to_live("a") > 0
