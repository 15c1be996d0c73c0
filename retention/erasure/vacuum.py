"""Dead rows out of the files: PostgreSQL keeps what was deleted in its tables and indexes until they are vacuumed."""

from collections.abc import Collection

from django.db import DatabaseError, connection

OWN = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relname = ANY (%s) AND pg_has_role(relowner, 'USAGE')
"""


def vacuum(tables: Collection[str]) -> tuple[list[str], dict[str, str]]:
    """Vacuum tables, pending lists of their indexes included; return those done, and why others were not.

    Never fails: autovacuum comes to them sooner or later. What older transactions still see stays until then.
    """
    if connection.in_atomic_block:
        return [], dict.fromkeys(sorted(tables), "a transaction is open")
    done, failed = [], {}
    with connection.cursor() as cursor:
        cursor.execute(OWN, [list(tables)])
        own = {name for (name,) in cursor.fetchall()}
        for table in sorted(tables):
            if table not in own:
                failed[table] = "this login does not own it"
                continue
            try:
                cursor.execute(f"VACUUM {connection.ops.quote_name(table)}")
                done.append(table)
            except DatabaseError as error:
                failed[table] = type(error).__name__
    return done, failed
