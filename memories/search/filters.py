"""Which of its messages a tenant is searched by: as a queryset, and as a clause of plain SQL."""

from datetime import datetime
from typing import Any

from django.db.models.expressions import RawSQL

from memories.importance import Formula, importance_sql
from memories.models import Message
from memories.models.message import MessageQuerySet
from memories.search.query import Query
from tenants.models import Tenant

UNFILTERED = "SELECT id FROM memories_message WHERE tenant_id = %(tenant)s {live}"
UNFILTERED_ONE = (  # the tenant as a subquery, as in `retrieval`: a lookup by id, whatever the database believes
    "SELECT id FROM memories_message WHERE tenant_id = (SELECT %(tenant)s::uuid) AND id = {row} {live}"
)
FILTERS = ("conversation_id", "user_id", "role", "since", "until", "metadata")


def is_filtered(query: Query) -> bool:
    """Whether it is about some of the tenant's messages only, whatever of them is archived."""
    return query.importance_min is not None or any(getattr(query, name) not in (None, {}) for name in FILTERS)


def filtered(tenant: Tenant, query: Query, *, now: datetime) -> MessageQuerySet:
    """The tenant's messages that pass every filter of the query."""
    messages = Message.objects.matching(tenant, **{name: getattr(query, name) for name in FILTERS})
    if not query.include_archived:
        messages = messages.live()
    if query.importance_min is not None:
        score = importance_sql(now=now, formula=Formula.from_settings())
        messages = messages.alias(importance_now=score).filter(importance_now__gte=query.importance_min)
    return messages


def passing(tenant: Tenant, query: Query, *, now: datetime, row: str | None = None) -> tuple[str, dict[str, Any]]:
    """SQL that selects the ids of these messages, or the one in the column `row` if it is one; its values by name.

    Most queries have no filter: for these the ORM need not write the same again and again.
    """
    if not is_filtered(query):
        live = "" if query.include_archived else "AND archived_at IS NULL"
        return (UNFILTERED_ONE if row else UNFILTERED).format(live=live, row=row), {"tenant": tenant.pk}
    messages = filtered(tenant, query, now=now)
    return _compiled(messages.filter(pk=RawSQL(row, ())) if row else messages, prefix=row or "passing")  # noqa: S611


def _compiled(messages: MessageQuerySet, *, prefix: str) -> tuple[str, dict[str, Any]]:
    sql, params = messages.order_by().values("pk").query.sql_with_params()
    values = {f"{prefix} {number}": value for number, value in enumerate(params)}
    return sql.replace("%%", "%%%%") % tuple(f"%({name})s" for name in values), values
