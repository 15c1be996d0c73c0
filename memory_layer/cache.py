"""The cache: Redis, without which everything goes on, only slower."""

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any

import structlog
from django.core.cache.backends.redis import RedisCache
from redis import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


def _or_else(fallback: Callable[..., Any], method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except (RedisError, OSError) as error:
            log.warning("cache_unavailable", error=type(error).__name__)
            return fallback(*args, **kwargs)

    return call


class ForgivingRedisCache(RedisCache):
    """Behaves as an empty cache while Redis does not answer."""

    get = _or_else(lambda _self, _key, default=None, **_: default, RedisCache.get)
    set = _or_else(lambda *_, **__: None, RedisCache.set)
    add = _or_else(lambda *_, **__: True, RedisCache.add)
    delete = _or_else(lambda *_, **__: False, RedisCache.delete)


class CountingRedisCache(RedisCache):
    """What `django_ratelimit` counts in: it calls `add` and, where that finds a counter, `incr`.

    RedisCache needs three round trips for these, between which a counter can vanish. Here `add` only notes how long
    the counter is to live, and `incr` makes it and counts in one transaction. Django gives each thread a cache of its
    own, so the note is its own as well. An outage is raised: who counts must know.
    """

    @cached_property
    def _client(self) -> Redis:
        return self._cache.get_client(write=True)  # kept, because to make one costs as much as to count

    def add(self, key: Any, value: Any, timeout: Any = None, version: int | None = None) -> bool:
        self._lifetime = int(timeout)
        return False

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        name = self.make_and_validate_key(key, version=version)
        counting = self._client.pipeline(transaction=True)
        counting.set(name, 0, ex=self._lifetime, nx=True)
        counting.incr(name, delta)
        return int(counting.execute()[-1])
