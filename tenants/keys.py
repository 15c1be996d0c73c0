"""API keys: 256 random bits, shown once, stored as SHA-256."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable

from tenants.models import ApiKey, Tenant

KEY_PREFIX = "mlk_"
SHOWN = len(KEY_PREFIX) + 6


def digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def issue(tenant: Tenant, *, name: str) -> tuple[ApiKey, str]:
    """Store a new key of `tenant`; return its row and the key itself, which cannot be had again."""
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    return ApiKey.objects.create(tenant=tenant, name=name, prefix=key[:SHOWN], digest=digest(key)), key


def is_one_of(key: str, known: Iterable[str]) -> bool:
    """Whether `key` is among the `known`; the digests, not the keys, are what the time could tell of."""
    given = digest(key)
    return any(hmac.compare_digest(given, digest(one)) for one in known)
