"""All that Redis holds, cache and broker: searched for what was erased, and rid of what names it."""

import base64
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any, cast
from uuid import UUID

import redis
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from memories import search_cache
from memories.usage import asked
from retention.erasure.needles import UUIDS, Find, Needles
from tenants.models import Tenant

SCHEMES = ("redis://", "rediss://", "unix://")
Place = tuple[redis.Redis, bytes]
UUIDS_IN_BYTES = re.compile(UUIDS.encode(), re.IGNORECASE)
TASK_BODY = re.compile(rb'"body": ?"([A-Za-z0-9+/=]+)"')  # of a queued task, in base64


def clients() -> list[redis.Redis]:
    """One for each Redis in use; none where caches are a process's own, which end with it."""
    urls = {settings.REDIS_URL, settings.MEMORY_CELERY_BROKER_URL}
    return [redis.Redis.from_url(url) for url in sorted(filter(None, urls)) if url.startswith(SCHEMES)]


def cached_of(tenant: Tenant, *, generation: bool) -> list[Place]:
    """Where the tenant's search results stand; with `generation`, the name of its data too."""
    prefix = cache.make_key(search_cache.results_prefix(tenant.pk))
    name = cache.make_key(search_cache.generation_key(tenant.pk)).encode()
    found = []
    for client in clients():
        found += [(client, key) for key in client.scan_iter(match=f"{prefix}*", count=1000)]
        found += [(client, name)] if generation and client.exists(name) else []
    return found


def forget(tenant: Tenant, *, generation: bool) -> None:
    """Delete what `cached_of` finds and, with `generation`, how often the tenant asked.

    Where Redis does not answer, the proof will say so.
    """
    if generation:
        asked.forget(tenant, now=timezone.now())
    with suppress(redis.RedisError):
        for client, key in cached_of(tenant, generation=generation):
            client.delete(key)


def search(needles: Needles) -> tuple[int, list[Find]]:
    """How many keys were searched, and which ids and texts were found in their names and values, of whatever type.

    Names are not looked for: a key does not say whose it is, and another tenant may call somebody the same.
    """
    looking = _Looking(needles)
    count, found = 0, []
    try:
        for client in clients():
            for key in client.scan_iter(count=1000):
                count += 1
                found += _search_key(client, key, looking)
    except redis.RedisError:
        found.append(Find("redis", "unreachable"))
    return count, found


def _search_key(client: redis.Redis, key: bytes, looking: "_Looking") -> list[Find]:
    named = looking.found_in(key)
    inside = {what for value in _values(client, key) for what in looking.found_in(value)}
    # A key that is itself a find must not stand in a receipt.
    place = f"redis:a key of type {_type(client, key)}" if named else f"redis:{key.decode(errors='replace')}"
    return [Find(place, what) for what in sorted(named | inside)]


class _Looking:
    """The needles as bytes. A pickled UUID is its number, whose bytes stand in the order opposite to `bytes`."""

    def __init__(self, needles: Needles) -> None:
        self.ids, self.words = needles.ids, [text.encode(errors="surrogatepass") for text in needles.spellings]

    @cached_property
    def raw(self) -> frozenset[bytes]:
        return frozenset(form for one in self.ids for form in (one.bytes, one.bytes[::-1]))

    def found_in(self, value: bytes) -> set[str]:
        whole = b"\0".join([value, *map(_decoded, TASK_BODY.findall(value))])
        found = {"id"} if self._has_id(whole) else set()
        return found | ({"text"} if any(word in whole for word in self.words) else set())

    def _has_id(self, value: bytes) -> bool:
        spelt = (UUID(one.decode()) for one in UUIDS_IN_BYTES.findall(value))
        windows = (value[start : start + 16] for start in range(len(value) - 15))
        return any(one in self.ids for one in spelt) or any(one in self.raw for one in windows)


def _decoded(body: bytes) -> bytes:
    try:
        return base64.b64decode(body)
    except ValueError:
        return b""


def _type(client: redis.Redis, key: bytes) -> str:
    return cast("bytes", client.type(key)).decode()


def _values(client: redis.Redis, key: bytes) -> Iterator[bytes]:
    """Every value under a key, names of fields included; of a type not known here, its dump."""
    any_client = cast("Any", client)
    match _type(client, key):
        case "string":
            yield any_client.get(key) or b""
        case "list":
            yield from any_client.lrange(key, 0, -1)
        case "set":
            yield from any_client.sscan_iter(key)
        case "hash":
            for pair in any_client.hscan_iter(key):
                yield from pair
        case "zset":
            yield from (member for member, _ in any_client.zscan_iter(key))
        case "stream":
            for _, fields in any_client.xrange(key):
                yield from (part for pair in fields.items() for part in pair)
        case _:
            yield any_client.dump(key) or b""
