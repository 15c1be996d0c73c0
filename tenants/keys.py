"""API keys: 256 random bits, shown once, stored as SHA-256."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from tenants import audit
from tenants.models import ApiKey, EndUser, Tenant, ordinary_scopes

RECENT_SECONDS = 0.5
RECENT_MAX = 10_000
KEY_PREFIX, USER_KEY_PREFIX = "mlk_", "memori_"
SHOWN = 6


_recent: dict[str, tuple[float, ApiKey]] = {}  # by digest: until when it is believed, and the row


def digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def find(key: str) -> ApiKey | None:
    """The row of a usable key, with its tenant: by one indexed query, or as it was RECENT_SECONDS ago at the most.

    Only this process knows sooner that it revoked a key.
    """
    name = digest(key)
    until, row = _recent.get(name, (0.0, None))
    if row is None or until < time.monotonic():
        row = ApiKey.objects.usable().select_related("tenant").filter(digest=name).first()
        if row:
            _remember(name, row)
    return row


def _remember(name: str, row: ApiKey) -> None:
    if len(_recent) >= RECENT_MAX:
        _recent.clear()
    _recent[name] = time.monotonic() + RECENT_SECONDS, row


def forget_recent() -> None:
    """Have the next request of every key ask the database."""
    _recent.clear()


@transaction.atomic
def issue(
    tenant: Tenant | None,
    *,
    name: str,
    end_user: EndUser | None = None,
    scopes: Sequence[str] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Store a new key of `tenant`, or of one end user of it; None: of the deployment, for all tenants.

    Returns its row and the key itself, which cannot be had again. Without `scopes` it may read and write; without
    `expires_at` it is good until it is revoked.
    """
    prefix = USER_KEY_PREFIX if end_user else KEY_PREFIX
    key = prefix + secrets.token_urlsafe(32)
    row = ApiKey.objects.create(
        tenant=tenant,
        end_user=end_user,
        name=name,
        prefix=key[: len(prefix) + SHOWN],
        digest=digest(key),
        scopes=list(dict.fromkeys(scopes or ordinary_scopes())),
        expires_at=expires_at,
    )
    audit.record("api_key.issued", row, tenant=tenant, prefix=row.prefix, name=name, scopes=row.scopes)
    return row, key


@transaction.atomic
def rotate(old: ApiKey, *, overlap: timedelta) -> tuple[ApiKey, str]:
    """Issue a successor with the name and scopes of `old`, which stays good for `overlap` and no longer."""
    successor = issue(old.tenant, end_user=old.end_user, name=old.name, scopes=old.scopes)
    end = timezone.now() + overlap
    old.expires_at = min(end, old.expires_at) if old.expires_at else end
    old.save(update_fields=["expires_at"])
    audit.record("api_key.rotated", old, tenant=old.tenant, prefix=old.prefix, successor=successor[0].prefix)
    return successor


@transaction.atomic
def revoke(rows: Iterable[ApiKey]) -> int:
    """Have these open nothing from now on; return how many were not revoked before."""
    unrevoked = ApiKey.objects.filter(pk__in=[row.pk for row in rows], revoked_at=None).select_related("tenant")
    standing = list(unrevoked.select_for_update(of=("self",)))
    for row in standing:
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])
        audit.record("api_key.revoked", row, tenant=row.tenant, prefix=row.prefix)
    forget_recent()
    return len(standing)


def is_one_of(key: str, known: Iterable[str]) -> bool:
    """Whether `key` is among the `known`; the digests, not the keys, are what the time could tell of."""
    given = digest(key)
    return any(hmac.compare_digest(given, digest(one)) for one in known)
