"""The people whom clients name: by strings of their own, or by the UUIDs that we issued."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from uuid import UUID

from tenants.ids import as_uuid
from tenants.models import EndUser, Tenant


def found_or_made(tenant: Tenant, ids: Iterable[str]) -> dict[str, EndUser]:
    """The end users of `tenant` by the ids the client sent; unknown ones are made."""
    wanted = set(ids)
    return with_missing(tenant, EndUser.objects.known_as(tenant, wanted), wanted) if wanted else {}


def with_missing(tenant: Tenant, known: Iterable[EndUser], ids: AbstractSet[str]) -> dict[str, EndUser]:
    """The `known` end users by the ids the client sent, and those that are made for the other ids."""
    found = _by_either_id(known, ids)
    if missing := ids - found.keys():
        rows = [EndUser(tenant=tenant, external_id=one) for one in sorted(missing)]
        EndUser.objects.bulk_create(rows, ignore_conflicts=True)
        found = _by_either_id(EndUser.objects.known_as(tenant, ids), ids)
    return found


def found(tenant: Tenant, user_id: str) -> EndUser | None:
    """The end user of `tenant` with this id, ours or the client's; None when there is no such user."""
    return _by_either_id(EndUser.objects.known_as(tenant, [user_id]), [user_id]).get(user_id)


def _by_either_id(users: Iterable[EndUser], ids: Iterable[str]) -> dict[str, EndUser]:
    """Who is meant by each of `ids`, where anybody is; a UUID may be spelt in any way."""
    known = list(users)
    by_name = {one.external_id: one for one in known}
    by_id: dict[UUID | None, EndUser] = {one.pk: one for one in known}
    meant = {given: by_name.get(given) or by_id.get(as_uuid(given)) for given in ids}
    return {given: user for given, user in meant.items() if user}
