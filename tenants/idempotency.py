"""`Idempotency-Key`: a repeat of a POST returns the first answer and does nothing."""

import hashlib
from collections.abc import Callable

from django.db import transaction
from django.utils import timezone
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.models import IdempotencyKey, Tenant

HEADER = "Idempotency-Key"


class IdempotencyConflict(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key was used for another request; take a new key."


def once(request: Request, tenant: Tenant, act: Callable[[], Response]) -> Response:
    """Return `act()`, or what it returned the first time this tenant sent this key.

    The key's row and all that `act` writes commit together, so neither stands without the other; a second copy that
    arrives meanwhile waits on the unique index and then finds the first one's answer. Refusals (4xx) leave no trace.
    """
    key = given_key(request)
    with transaction.atomic():
        return act() if key is None else _answer(key, _digest(request), tenant, act)


def given_key(request: Request) -> str | None:
    """The request's key, None without one; ValidationError for one that cannot be."""
    key = request.headers.get(HEADER)
    if key is not None and not (key.isprintable() and 1 <= len(key) <= 255):
        raise exceptions.ValidationError({HEADER: "1 to 255 printable characters are expected."})
    return key


def _answer(key: str, request_digest: str, tenant: Tenant, act: Callable[[], Response]) -> Response:
    row, is_first = IdempotencyKey.objects.get_or_create(
        tenant=tenant, key=key, defaults={"request_digest": request_digest}
    )
    if is_first:
        response = act()
        row.status, row.body = response.status_code, response.data
        row.save(update_fields=["status", "body"])
        return response
    if row.request_digest != request_digest:
        raise IdempotencyConflict
    return Response(row.body, status=row.status)


def _digest(request: Request) -> str:
    return hashlib.sha256(b"\0".join([str(request.method).encode(), request.path.encode(), request.body])).hexdigest()


def forget_expired() -> int:
    """Delete the keys whose time is over; return how many."""
    return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - IdempotencyKey.LIFETIME).delete()[0]
