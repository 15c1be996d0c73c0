"""Receipts of erasure: signed, so that a changed one is found out."""

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from retention.models import Receipt

SALT = "retention.receipts"
FIELDS = ("id", "tenant_id", "subject_kind", "subject_digest", "counts", "proof", "created_at")


def as_json(receipt: Receipt) -> dict[str, Any]:
    """What is handed out: every field as JSON has it, with the signature over all others."""
    values = {name: getattr(receipt, name) for name in FIELDS}
    ids = {"id": str(receipt.pk), "tenant_id": str(receipt.tenant_id) if receipt.tenant_id else None}
    return {**values, **ids, "created_at": receipt.created_at.isoformat(), "signature": receipt.signature}


def sign(receipt: Receipt) -> None:
    """Set the receipt's signature."""
    receipt.signature = _signature(_signed(as_json(receipt)), secret=settings.SECRET_KEY)


def verify(receipt: Mapping[str, Any]) -> bool:
    """Whether this is, field by field, what was signed here (the form of `as_json`), with this secret or one before."""
    signed = _signed(receipt)
    given = str(receipt.get("signature", ""))
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    if not any(constant_time_compare(given, _signature(signed, secret=secret)) for secret in secrets):
        return False
    return "complete" not in receipt or receipt["complete"] is (not signed["proof"]["found"])


def _signed(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """All fields but the signature, and but what the API derives from others."""
    return {name: value for name, value in receipt.items() if name not in ("signature", "complete")}


def _signature(signed: Mapping[str, Any], *, secret: str) -> str:
    canonical = json.dumps(signed, sort_keys=True, separators=(",", ":"))
    return salted_hmac(SALT, canonical, secret=secret, algorithm="sha256").hexdigest()
