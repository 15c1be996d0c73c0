"""Where the service is and how long to wait for it: arguments, then the environment, then defaults."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field

import httpx2

from memoire.errors import MemoireConfigError

BASE_URL = "http://localhost:8000"
TIMEOUT = 2.0  # seconds
QUEUE_SIZE = 1000  # turns
PORTS = 2**16


@dataclass(frozen=True)
class Config:
    """What was settled at construction. The key is left out of its repr."""

    api_key: str = field(repr=False)
    base_url: str
    timeout: float
    tenant_id: str | None
    strict: bool
    queue_size: int


def configured(
    api_key: str | None,
    base_url: str | None,
    timeout: float | None,
    *,
    tenant_id: str | None,
    strict: bool,
    queue_size: int,
) -> Config:
    """Arguments or environment, checked; MemoireConfigError says what to put right."""
    return Config(
        api_key=_key(api_key if api_key is not None else os.environ.get("MEMOIRE_API_KEY", "")),
        base_url=_address(base_url if base_url is not None else os.environ.get("MEMOIRE_BASE_URL") or BASE_URL),
        timeout=_seconds(timeout if timeout is not None else os.environ.get("MEMOIRE_TIMEOUT") or TIMEOUT),
        tenant_id=_tenant(tenant_id),
        strict=bool(strict),
        queue_size=_size(queue_size),
    )


def _key(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise MemoireConfigError("An API key is needed: pass api_key, or set MEMOIRE_API_KEY.")
    key = value.strip()
    if not key.isascii() or not key.isprintable():
        raise MemoireConfigError("The API key has characters that no key has; copy it once more.")
    return key


def _address(value: object) -> str:
    try:
        url = httpx2.URL(value) if isinstance(value, str) else None
    except httpx2.InvalidURL:
        url = None
    is_web = url is not None and url.scheme in ("http", "https") and 0 < (url.port or 1) < PORTS
    if url is None or not is_web or not url.host or url.query or url.fragment:
        raise MemoireConfigError("base_url (MEMOIRE_BASE_URL) is no address such as https://memory.example.com.")
    return str(url).rstrip("/")


def _seconds(value: object) -> float:
    try:
        seconds = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else 0.0
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= threading.TIMEOUT_MAX:  # not a number is neither
        raise MemoireConfigError("timeout (MEMOIRE_TIMEOUT) is no number of seconds above 0.")
    return seconds


def _tenant(value: object) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise MemoireConfigError("tenant_id is no text.")
    return value


def _size(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise MemoireConfigError("queue_size is no whole number above 0.")
    return value
