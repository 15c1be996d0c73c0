"""The cache: Redis, without which everything goes on, only slower."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from django.core.cache.backends.redis import RedisCache
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
