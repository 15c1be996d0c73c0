"""API keys: 256 random bits, shown once, stored as SHA-256."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from tenants.models import ApiKey, Tenant, ordinary_scopes

KEY_PREFIX = "mlk_"
SHOWN = len(KEY_PREFIX) + 6


def digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def issue(
    tenant: Tenant, *, name: str, scopes: Sequence[str] | None = None, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Store a new key of `tenant`; return its row and the key itself, which cannot be had again.

    Without `scopes` it may read and write; without `expires_at` it is good until it is revoked.
    """
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    row = ApiKey.objects.create(
        tenant=tenant,
        name=name,
        prefix=key[:SHOWN],
        digest=digest(key),
        scopes=list(scopes or ordinary_scopes()),
        expires_at=expires_at,
    )
    return row, key


@transaction.atomic
def rotate(old: ApiKey, *, overlap: timedelta) -> tuple[ApiKey, str]:
    """Issue a successor with the name and scopes of `old`, which stays good for `overlap` and no longer."""
    successor = issue(old.tenant, name=old.name, scopes=old.scopes)
    end = timezone.now() + overlap
    old.expires_at = min(end, old.expires_at) if old.expires_at else end
    old.save(update_fields=["expires_at"])
    return successor


def is_one_of(key: str, known: Iterable[str]) -> bool:
    """Whether `key` is among the `known`; the digests, not the keys, are what the time could tell of."""
    given = digest(key)
    return any(hmac.compare_digest(given, digest(one)) for one in known)
