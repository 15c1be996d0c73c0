"""Row-level security: what a transaction may see and write is decided by PostgreSQL, not by the code it runs.

Work of one tenant runs in `tenant_scope`, work over all tenants in `across_tenants`; both are transactions. Outside of
them a role without superuser rights sees no row of any tenant. (`tenants.migration_operations` makes the policies.)
Role and tenant are set for the transaction alone, so that nothing lingers on a connection that a pooler hands on.
"""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from tenants import databases, positions, replicas
from tenants.models import Tenant
from tenants.statements import planned_once

TENANT_ROLE = "memory_tenant"
MAINTENANCE_ROLE = "memory_maintenance"
NEIGHBOURS = 100  # that an index of vectors is asked for at once; where a filter refuses some, it goes on in order
# What searches go by is set with the scope, which spares each of them a statement of its own. To compile a statement
# (`jit`) takes longer than any of ours. Of plans see `tenants.statements`.
ENTER = (
    "SELECT set_config('role', %s, true), set_config('memory.tenant_id', %s, true),"
    " set_config('memory.end_user_id', %s, true),"
    f" set_config('hnsw.ef_search', '{NEIGHBOURS}', true), set_config('hnsw.iterative_scan', 'relaxed_order', true),"
    " set_config('hnsw.max_scan_tuples', '100000', true), set_config('jit', 'off', true),"
    " set_config('plan_cache_mode', 'force_generic_plan', true)"
)
ENTER_REPLICA = f"{ENTER}, pg_last_wal_replay_lsn() - '0/0' >= %s"


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

    In a call that was offered a replica, and writes nothing, it reads there if the replica knows all that the tenant
    wrote. Raises ScopeConflict inside the scope of another tenant, or of another end user.
    """
    scope = Scope(TENANT_ROLE, str(tenant.pk), str(end_user_id or ""))
    outermost = current_scope().role != TENANT_ROLE
    replica = replicas.offered() if current_scope() == OUTSIDE else None
    needed = positions.needed(tenant.pk) if replica else None
    with ExitStack() as entered:
        if not (replica and needed is not None and _moved(entered, replica, scope, needed=needed)):
            entered.enter_context(_entered(scope))
        if outermost and needed is None:
            positions.note_after_commit(tenant.pk)
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
    with planned_once(connection) as cursor:
        cursor.execute(ENTER, [scope.role, scope.tenant_id, scope.end_user_id])
    _kept()["memory_scope"] = scope


def _moved(entered: ExitStack, replica: str, scope: Scope, *, needed: int) -> bool:
    """Whether `entered` holds a transaction on the replica now: one that is lost or behind is not waited for."""
    try:
        entered.enter_context(_on_replica(replica, scope, needed=needed))
    except (replicas.Behind, replicas.Lost):
        return False
    return True


@contextmanager
def _on_replica(replica: str, scope: Scope, *, needed: int) -> Iterator[None]:
    """A transaction on a replica that has replayed the log as far as `needed`. Raises Behind and Lost."""
    with replicas.asked(replica), transaction.atomic(using=replica), databases.reading_from(replica):
        with databases.reading().cursor() as cursor:
            cursor.execute(ENTER_REPLICA, [scope.role, scope.tenant_id, scope.end_user_id, needed])
            if not cursor.fetchone()[-1]:
                raise replicas.Behind
        _kept()["memory_scope"] = scope
        try:
            yield
        finally:
            _kept()["memory_scope"] = OUTSIDE


def _kept() -> dict[str, Any]:
    """The scope stands beside the connection it is of: each thread has its own."""
    return vars(databases.reading())
