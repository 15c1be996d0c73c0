"""Whether an erasure left anything: every table of the database and all of Redis searched for what was erased.

Tables and columns come from the catalogue, not from the models, so that what no model knows is searched as well. Each
table is read once for its UUIDs and once for its texts, whatever the number of things looked for.

* Ids are looked for everywhere but in the audit trail and the receipts (`subjects.KEPT`), which say which rows are
  gone and stay; texts are looked for there too.
* Names and texts count where the tenant's rows are: another tenant may call somebody the same, or say the same.
* Not searched: numbers, times, vectors and word positions. The latter two hang on a row whose id is looked for.
* Out of reach: PostgreSQL's log of changes (WAL), replicas and backups keep what was erased until they are recycled.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from psycopg.sql import SQL, Composable, Identifier, Literal

from retention.erasure import cold_traces, in_redis
from retention.erasure.needles import UUIDS, Find, Needles
from retention.erasure.subjects import KEPT, Subject
from tenants.isolation import across_tenants
from tenants.models import Tenant

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, NULL) AS type,
    has_table_privilege(c.oid, 'SELECT') AND (NOT c.relrowsecurity OR EXISTS (
        SELECT FROM pg_policy WHERE polrelid = c.oid AND polname = 'all_tenants')) AS readable
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    AND t.typcategory NOT IN ('N', 'B', 'D', 'T') AND t.typname NOT IN ('tsvector', 'vector', 'halfvec', 'sparsevec')
ORDER BY c.relname, a.attnum
"""
IN_UUIDS = """
SELECT DISTINCT cell.name, 'id' FROM {table} AS one CROSS JOIN LATERAL (VALUES {cells}) AS cell (name, value)
WHERE cell.value = ANY (%(ids)s)
"""
IN_TEXTS = """
SELECT DISTINCT cell.name, hit.what FROM {table} AS one CROSS JOIN LATERAL (VALUES {cells}) AS cell (name, value)
CROSS JOIN LATERAL (
    SELECT 'id' FROM regexp_matches(cell.value, %(uuids)s, 'gi') AS found
    WHERE length(cell.value) >= 32 AND {ids_count} AND found[1]::uuid = ANY (%(ids)s)
    UNION ALL SELECT 'text' WHERE {is_own} AND length(cell.value) >= {shortest_text} AND EXISTS (
        SELECT FROM unnest(%(texts)s::text[]) AS text WHERE strpos(cell.value, text) > 0)
    UNION ALL SELECT 'name' WHERE {names_count} AND length(cell.value) >= {shortest_name} AND EXISTS (
        SELECT FROM unnest(%(names)s::text[], %(patterns)s::text[]) AS name (text, pattern)
        WHERE strpos(cell.value, name.text) > 0 AND cell.value ~ name.pattern)
) AS hit (what)
"""


@dataclass(frozen=True)
class Column:
    name: str
    type: str

    @property
    def cell(self) -> Composable:
        """The column's name and value; bytes as text that keeps what is ASCII."""
        column = SQL("one.{}").format(Identifier(self.name))
        if self.type == "bytea":
            value: Composable = SQL("encode({}, 'escape')").format(column)
        else:
            value = column if self.type == "uuid" else SQL("{}::text").format(column)
        return SQL("({}, {})").format(Literal(self.name), value)


@dataclass(frozen=True)
class Proof:
    """How many {tables, columns, redis_keys} were searched for how many {ids, texts, names}, and what was found."""

    searched: dict[str, int]
    sought: dict[str, int]
    found: list[Find]


def prove(needles: Needles, subject: Subject) -> Proof:
    """Search everything; outside of any tenant's scope."""
    searched, found = search_database(needles, subject.tenant)
    found += [Find(f"cold:{'/'.join(path.split('/')[1:])}", "id") for path in cold_traces.left(subject)]
    keys, in_keys = in_redis.search(needles)
    sought = {"ids": len(needles.ids), "texts": len(needles.texts), "names": len(needles.names)}
    return Proof({**searched, "redis_keys": keys}, sought, [*found, *in_keys])


def search_database(needles: Needles, tenant: Tenant) -> tuple[dict[str, int], list[Find]]:
    """How many {tables, columns} were searched, and what was found; outside of any tenant's scope."""
    with across_tenants(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")  # a request's deadline is not meant for this
        tables, unreadable = _tables(cursor)
        found = [Find(table, "unreadable") for table in unreadable]
        for table, columns in tables.items():
            found += _search_table(cursor, table, columns, needles, tenant)
    return {"tables": len(tables), "columns": sum(map(len, tables.values()))}, found


def _tables(cursor: Any) -> tuple[dict[str, list[Column]], list[str]]:
    """The columns to search, by table, and the tables of which this role would not see every row."""
    cursor.execute(COLUMNS)
    tables: dict[str, list[Column]] = {}
    unreadable = set()
    for table, name, kind, readable in cursor.fetchall():
        if readable:
            tables.setdefault(table, []).append(Column(name, kind))
        else:
            unreadable.add(table)
    return tables, sorted(unreadable)


def _search_table(
    cursor: Any, table: str, columns: Sequence[Column], needles: Needles, tenant: Tenant
) -> Iterable[Find]:
    ids_count = table not in {model._meta.db_table for model in KEPT}
    uuids = [column for column in columns if column.type == "uuid"]
    others = [column for column in columns if column.type != "uuid"]
    owner = next((one.name for one in uuids if one.name == "tenant_id"), None)
    own = SQL("one.tenant_id IS NOT DISTINCT FROM {}").format(Literal(tenant.pk)) if owner else None
    parts = {
        "table": Identifier(table),
        "ids_count": Literal(ids_count),
        "is_own": own or Literal(True),
        "names_count": own if own and ids_count else Literal(False),
        "shortest_text": Literal(_shortest(needles.texts)),
        "shortest_name": Literal(_shortest(needles.names)),
    }
    values = {
        "ids": list(needles.ids),
        "uuids": f"({UUIDS})",
        "texts": needles.spellings,
        "names": needles.names,
        "patterns": needles.patterns,
    }
    for statement, searched in ((IN_UUIDS, uuids if ids_count else []), (IN_TEXTS, others)):
        if searched:
            cells = SQL(", ").join([column.cell for column in searched])
            cursor.execute(SQL(statement).format(cells=cells, **parts), values)
            yield from [Find(f"{table}.{name}", what) for name, what in sorted(cursor.fetchall())]


def _shortest(words: Sequence[str]) -> int:
    """No cell with fewer characters can hold one of them; without words none can."""
    return min(map(len, words), default=2**31 - 1)
