"""What searches of large tenants go through: an index of the tenant's vectors, and a count of its common terms.

Measuring every vector of a small tenant takes a few milliseconds and is exact; an index of them all would only slow
down what is stored. A large tenant gets a partial index (HNSW) for itself, so that its filters and its neighbours in
the table cost nothing. Built and dropped concurrently: nobody waits (docs/adr/0012).
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import structlog
from django.db import DatabaseError, connection
from psycopg.sql import SQL, Composed, Identifier, Literal

from memories.embedding_models import serving
from memories.models import CommonTerm, TenantSize
from memories.models.posting import EVERY_MESSAGE
from tenants.isolation import across_tenants
from tenants.models import Tenant

LARGE = 5_000  # messages, from which on a tenant is large; half as many, below which it is no more
DIMENSIONS_MAX = 4_000  # of what can be indexed in half precision
COMMON = 1_000  # messages with a term, from which on it is common
GROWN = 1.1  # times as many messages as when they were counted, and terms are counted again
PREFIX = "vectors_of_"

log = structlog.get_logger(__name__)

CREATE = SQL(
    "CREATE INDEX CONCURRENTLY {name} ON memories_embeddingwindow"
    " USING hnsw ((vector::halfvec({dimensions})) halfvec_cosine_ops) WHERE tenant_id = {tenant} AND model = {model}"
)
DROP = SQL("DROP INDEX CONCURRENTLY IF EXISTS {name}")
THERE = """
SELECT relname, indisvalid, EXISTS (SELECT FROM pg_stat_progress_create_index WHERE index_relid = indexrelid)
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE indrelid = 'memories_embeddingwindow'::regclass AND starts_with(relname, %s)
"""
COUNT = """
INSERT INTO memories_commonterm (tenant_id, term, messages)
SELECT tenant_id, term, count(*) FROM memories_posting WHERE tenant_id = %s GROUP BY tenant_id, term
HAVING count(*) >= %s OR term = %s
"""


@dataclass(frozen=True)
class Index:
    """The index of a tenant's vectors by one model."""

    tenant: Tenant
    model: str

    @property
    def name(self) -> str:
        return PREFIX + hashlib.sha256(f"{self.tenant.pk}:{self.model}".encode()).hexdigest()[:24]

    @property
    def dimensions(self) -> int:
        return int(self.model.rpartition(":")[2])

    @property
    def can_be(self) -> bool:
        return self.dimensions <= DIMENSIONS_MAX

    def build(self) -> None:
        """Have it there, outside of any transaction; what is left of a build that broke off is built anew."""
        there = _there()
        if there.get(self.name) in ("valid", "building"):
            return
        if self.name in there:
            _run(DROP.format(name=Identifier(self.name)))
        which = {"tenant": Literal(str(self.tenant.pk)), "model": Literal(self.model)}
        _run(CREATE.format(name=Identifier(self.name), dimensions=Literal(self.dimensions), **which))
        log.info("vector_index_built", tenant=self.tenant.slug, model=self.model)


def keep() -> Iterator[Tenant]:
    """Give large tenants what their searches go through, and take it from those that are large no more.

    Yields each tenant that is seen to. A login that does not own the tables can build nothing: searches stay exact.
    """
    wanted = []
    for tenant in _large():
        indexes = [index for index in (Index(tenant, model) for model in _models(tenant)) if index.can_be]
        wanted += indexes
        if indexes and _is_seen_to(tenant, indexes):
            yield tenant
    _drop_all_but(wanted)


def see_to(tenant: Tenant, indexes: Iterable[Index]) -> None:
    """Have the tenant's indexes built and its terms counted, and its searches go through them."""
    for index in indexes:
        index.build()
    count_terms(tenant)
    Tenant.objects.filter(pk=tenant.pk).update(has_vector_index=True)


def _is_seen_to(tenant: Tenant, indexes: Iterable[Index]) -> bool:
    try:
        see_to(tenant, indexes)
    except DatabaseError as error:
        log.warning("vector_index_not_built", tenant=tenant.slug, reason=str(error))
        return False
    return True


@across_tenants()
def _large() -> list[Tenant]:
    sizes = dict(TenantSize.objects.filter(messages__gte=LARGE // 2).values_list("tenant", "messages"))
    tenants = Tenant.objects.filter(pk__in=sizes)
    return [one for one in tenants if one.has_vector_index or sizes[one.pk] >= LARGE]


def _models(tenant: Tenant) -> list[str]:
    """Those it is searched by, will be or may be again."""
    return [one for one in (serving(tenant), tenant.next_embedding_model, tenant.previous_embedding_model) if one]


@across_tenants()
def count_terms(tenant: Tenant) -> None:
    """Count the common terms of the tenant's messages, unless it has hardly grown since."""
    counted = CommonTerm.objects.filter(tenant=tenant)
    size = TenantSize.objects.filter(tenant=tenant).values_list("messages", flat=True).first()
    before = counted.filter(term=EVERY_MESSAGE).values_list("messages", flat=True).first()
    if size is not None and before is not None and before / GROWN <= size <= before * GROWN:
        return
    counted.delete()
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [tenant.pk, COMMON, EVERY_MESSAGE])


def _drop_all_but(wanted: Iterable[Index]) -> None:
    kept, tenants = {index.name for index in wanted}, {index.tenant.pk for index in wanted}
    with across_tenants():
        Tenant.objects.filter(has_vector_index=True).exclude(pk__in=tenants).update(has_vector_index=False)
        CommonTerm.objects.exclude(tenant__in=tenants).delete()
    for name, state in _there().items():
        if name not in kept and state != "building":
            _run(DROP.format(name=Identifier(name)))


def _there() -> dict[str, str]:
    """The indexes there are, by name: "valid", "building", or "broken" by a build that broke off."""
    with connection.cursor() as cursor:
        cursor.execute(THERE, [PREFIX])
        return {name: "building" if building else "valid" if valid else "broken" for name, valid, building in cursor}


def _run(statement: Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
