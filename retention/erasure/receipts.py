"""Receipts of erasure: signed, so that a changed one is found out."""

import json
from collections.abc import Mapping
from typing import Any

from django.utils.crypto import constant_time_compare, salted_hmac

from retention.models import Receipt

SALT = "retention.receipts"  # the key is derived from SECRET_KEY; another secret makes old receipts unverifiable
FIELDS = ("id", "tenant_id", "subject_kind", "subject_digest", "counts", "proof", "created_at")


def as_json(receipt: Receipt) -> dict[str, Any]:
    """What is handed out: every field as JSON has it, with the signature over all others."""
    values = {name: getattr(receipt, name) for name in FIELDS}
    ids = {"id": str(receipt.pk), "tenant_id": str(receipt.tenant_id) if receipt.tenant_id else None}
    return {**values, **ids, "created_at": receipt.created_at.isoformat(), "signature": receipt.signature}


def sign(receipt: Receipt) -> None:
    """Set the receipt's signature."""
    receipt.signature = _signature(as_json(receipt))


def verify(receipt: Mapping[str, Any]) -> bool:
    """Whether this is, field by field, what was signed here (the form of `as_json`)."""
    return constant_time_compare(str(receipt.get("signature", "")), _signature(receipt))


def _signature(receipt: Mapping[str, Any]) -> str:
    signed = {name: value for name, value in receipt.items() if name != "signature"}
    canonical = json.dumps(signed, sort_keys=True, separators=(",", ":"))
    return salted_hmac(SALT, canonical, algorithm="sha256").hexdigest()
