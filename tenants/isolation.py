"""Row-level security: what a transaction may see and write is decided by PostgreSQL, not by the code it runs.

Work of one tenant runs in `tenant_scope`, work over all tenants in `across_tenants`; both are transactions. Outside of
them a role without superuser rights sees no row of any tenant. (`tenants.migration_operations` makes the policies.)
Role and tenant are set for the transaction alone, so that nothing lingers on a connection that a pooler hands on.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

from tenants.models import Tenant

TENANT_ROLE = "memory_tenant"
MAINTENANCE_ROLE = "memory_maintenance"
ENTER = (
    "SELECT set_config('role', %s, true), set_config('memory.tenant_id', %s, true),"
    " set_config('memory.end_user_id', %s, true)"
)


class ScopeConflict(Exception):
    """Work of one tenant began inside the work of another."""


@dataclass(frozen=True)
class Scope:
    """Whose rows a transaction sees: as PostgreSQL knows it, "" for none in particular."""

    role: str = "none"  # the login's own
    tenant_id: str = ""
    end_user_id: str = ""

    def covers(self, inner: "Scope") -> bool:
        """Whether work of `inner` may go on as it is: the same tenant's, all its end users' or a narrower scope."""
        return self.role == inner.role and self.tenant_id == inner.tenant_id and not inner.end_user_id


OUTSIDE = Scope()


@contextmanager
def tenant_scope(tenant: Tenant, *, end_user_id: uuid.UUID | None = None) -> Iterator[None]:
    """A transaction that can see and write rows of `tenant` alone, or of one end user of it.

    Raises ScopeConflict inside the scope of another tenant, or of another end user.
    """
    with _entered(Scope(TENANT_ROLE, str(tenant.pk), str(end_user_id or ""))):
        yield


@contextmanager
def across_tenants() -> Iterator[None]:
    """A transaction over the rows of all tenants: the way out for operators and for maintenance of the whole store."""
    with _entered(Scope(MAINTENANCE_ROLE)):
        yield


def current_scope() -> Scope:
    scope: Scope = _kept().get("memory_scope", OUTSIDE)
    return scope


@contextmanager
def _entered(scope: Scope) -> Iterator[None]:
    outer = current_scope()
    if outer == scope or outer.covers(scope):
        yield  # no savepoint: what fails in here fails for the whole transaction
        return
    if outer.role == TENANT_ROLE:
        raise ScopeConflict(f"{scope} was begun inside {outer}.")
    nested = connection.in_atomic_block
    with transaction.atomic():
        _set(scope)
        try:
            yield
        finally:
            _kept()["memory_scope"] = outer
        if nested and not connection.needs_rollback:  # else the end of the transaction, or of its savepoint, resets it
            _set(outer)


def _set(scope: Scope) -> None:
    with connection.cursor() as cursor:
        cursor.execute(ENTER, [scope.role, scope.tenant_id, scope.end_user_id])
    _kept()["memory_scope"] = scope


def _kept() -> dict[str, Any]:
    """The scope stands beside the connection it is of: each thread has its own."""
    return vars(connections[DEFAULT_DB_ALIAS])
