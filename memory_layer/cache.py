"""The cache: Redis, without which everything goes on, only slower."""

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any

import structlog
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
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


class KeptClient(RedisCacheClient):
    """Django's makes a client for each call, which costs as much as the call."""

    @cached_property
    def _kept(self) -> Redis:
        return super().get_client(write=True)

    def get_client(self, key: Any = None, *, write: bool = False) -> Redis:
        return self._kept


class KeptRedisCache(RedisCache):
    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = KeptClient


class ForgivingRedisCache(KeptRedisCache):
    """Behaves as an empty cache while Redis does not answer."""

    get = _or_else(lambda _self, _key, default=None, **_: default, RedisCache.get)
    set = _or_else(lambda *_, **__: None, RedisCache.set)
    add = _or_else(lambda *_, **__: True, RedisCache.add)
    delete = _or_else(lambda *_, **__: False, RedisCache.delete)


class CountingRedisCache(KeptRedisCache):
    """What `django_ratelimit` counts in: it calls `add` and, where that finds a counter, `incr`.

    RedisCache needs three round trips for these, between which a counter can vanish. Here `add` only notes how long
    the counter is to live, and `incr` makes it and counts in one transaction. Django gives each thread a cache of its
    own, so the note is its own as well. An outage is raised: who counts must know.
    """

    def add(self, key: Any, value: Any, timeout: Any = None, version: int | None = None) -> bool:
        self._lifetime = int(timeout)
        return False

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        name = self.make_and_validate_key(key, version=version)
        counting = self._cache.get_client(write=True).pipeline(transaction=True)
        counting.set(name, 0, ex=self._lifetime, nx=True)
        counting.incr(name, delta)
        return int(counting.execute()[-1])
