"""`Idempotency-Key`: a repeat of a POST returns the first answer and does nothing."""

import hashlib
from collections.abc import Callable, Collection
from typing import cast

from django.utils import timezone
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.authentication import Caller
from tenants.isolation import across_tenants
from tenants.models import IdempotencyKey, Tenant

HEADER = "Idempotency-Key"


class IdempotencyConflict(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key was used for another request; take a new key."


def once(
    request: Request, tenant: Tenant, act: Callable[[], Response], *, shown_once: Collection[str] = ()
) -> Response:
    """Return `act()`, or what it returned the first time this tenant sent this key.

    `act` runs in the caller's scope of the tenant. The key's row and all that `act` writes commit together, so neither
    stands without the other; a second copy that arrives meanwhile waits on the unique index and then finds the first
    one's answer. Refusals (4xx) leave no trace. Fields that are `shown_once` are null in a repeat, and not kept.
    """
    key = given_key(request)
    caller = cast("Caller", request.user)
    with caller.scope(tenant):
        if key is None:
            return act()
        digest = _digest(request)
        row, is_first = IdempotencyKey.objects.get_or_create(
            tenant=tenant, end_user_id=caller.end_user_id, key=key, defaults={"request_digest": digest}
        )
        return _first_answer(row, act, shown_once) if is_first else _answer_again(row, digest)


def given_key(request: Request) -> str | None:
    """The request's key, None without one; ValidationError for one that cannot be."""
    key = request.headers.get(HEADER)
    if key is not None and not (key.isprintable() and 1 <= len(key) <= 255):
        raise exceptions.ValidationError({HEADER: "1 to 255 printable characters are expected."})
    return key


def _first_answer(row: IdempotencyKey, act: Callable[[], Response], shown_once: Collection[str]) -> Response:
    response = act()
    row.status, row.body = response.status_code, {**response.data, **dict.fromkeys(shown_once)}
    row.save(update_fields=["status", "body"])
    return response


def _answer_again(row: IdempotencyKey, request_digest: str) -> Response:
    if row.request_digest != request_digest:
        raise IdempotencyConflict
    return Response(row.body, status=row.status)


def _digest(request: Request) -> str:
    return hashlib.sha256(b"\0".join([str(request.method).encode(), request.path.encode(), request.body])).hexdigest()


def forget_expired() -> int:
    """Delete the keys whose time is over; return how many."""
    with across_tenants():
        return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - IdempotencyKey.LIFETIME).delete()[0]
