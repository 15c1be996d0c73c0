"""What a migration says of a table that holds tenants' rows. A guard test sees that every such table has said it."""

from collections.abc import Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

ROLES = ("memory_tenant", "memory_maintenance")
OF_TENANT = "{column} = nullif(current_setting('memory.tenant_id', true), '')::uuid"
# A CASE and no OR: of "IS NULL" the planner expects one row in two hundred, of a CASE half, which is nearer to all.
OF_END_USER = (
    "CASE WHEN nullif(current_setting('memory.end_user_id', true), '') IS NULL THEN true"
    " ELSE {column} = nullif(current_setting('memory.end_user_id', true), '')::uuid END"
)

CREATE_ROLE = """
DO $$
BEGIN
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
            CREATE ROLE {role} NOLOGIN;
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;  -- another database of this server was migrated at the same time
    END;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT {role} TO %I', current_user);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}')
        OR NOT pg_has_role(current_user, '{role}', 'MEMBER') THEN
        RAISE EXCEPTION 'this login may not create the role {role}'
            USING HINT = format('As a superuser: CREATE ROLE {role} NOLOGIN; GRANT {role} TO %I;', current_user);
    END IF;
END $$
"""


class TableOperation(Operation):
    """SQL on the table of a model; what it makes goes when the table goes, so that it need not be reversed."""

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """The state knows columns, not who may see them."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        for statement in self.statements(app_label, to_state):
            schema_editor.execute(statement, params=None)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        pass

    def statements(self, app_label: str, state: ProjectState) -> Sequence[str]:
        raise NotImplementedError


class CreateRoles(TableOperation):
    """The roles that `tenants.isolation` lowers a transaction to, shared by all databases of a server.

    The login must be allowed to create roles, or a superuser must have made them for it. What it creates from now on,
    maintenance may use; what a tenant may use is granted table by table.
    """

    def statements(self, app_label: str, state: ProjectState) -> Sequence[str]:
        return [
            *(CREATE_ROLE.format(role=role) for role in ROLES),
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO memory_maintenance",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES"
            " TO memory_maintenance",
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO memory_maintenance",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO memory_maintenance",
        ]


class IsolateTenants(TableOperation):
    """Row-level security, forced on the owner too.

    `column` holds the tenant's id and, where rows belong to end users, `end_user` theirs. A `directory` is also open
    outside of every scope: it is read to find out who is asking.
    """

    def __init__(
        self,
        model: str,
        *,
        column: str = "tenant_id",
        end_user: str | None = None,
        directory: bool = False,
        grants: str = "SELECT, INSERT, UPDATE, DELETE",
    ) -> None:
        self.model, self.column, self.end_user, self.directory, self.grants = model, column, end_user, directory, grants

    def describe(self) -> str:
        return f"Isolate tenants in {self.model}"

    def statements(self, app_label: str, state: ProjectState) -> Sequence[str]:
        table = state.apps.get_model(app_label, self.model)._meta.db_table
        others = "current_user <> 'memory_tenant'" if self.directory else "current_user = 'memory_maintenance'"
        audience = "PUBLIC" if self.directory else "memory_maintenance"
        statements = [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY one_tenant ON {table} TO memory_tenant USING ({OF_TENANT.format(column=self.column)})",
            # A login inherits the policies of the roles granted to it: the condition keeps this one from it.
            f"CREATE POLICY all_tenants ON {table} TO {audience} USING ({others})",
            f"GRANT {self.grants} ON {table} TO memory_tenant",
        ]
        if self.end_user:
            whose = OF_END_USER.format(column=self.end_user)
            statements.append(f"CREATE POLICY one_end_user ON {table} AS RESTRICTIVE TO memory_tenant USING ({whose})")
        return statements


class TenantForeignKey(TableOperation):
    """A foreign key over (tenant, id), so that no row can refer to another tenant's; `field` has no constraint else."""

    def __init__(self, model: str, field: str) -> None:
        self.model, self.field = model, field

    def describe(self) -> str:
        return f"Keep {self.model}.{self.field} within its tenant"

    def statements(self, app_label: str, state: ProjectState) -> Sequence[str]:
        model = state.apps.get_model(app_label, self.model)
        field: Any = model._meta.get_field(self.field)
        table, target = model._meta.db_table, field.related_model._meta.db_table
        return [
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_{self.field}_of_tenant"
            f" FOREIGN KEY (tenant_id, {field.column}) REFERENCES {target} (tenant_id, id)"
            " DEFERRABLE INITIALLY DEFERRED"
        ]


class AppendOnly(TableOperation):
    """Rows are added and read, never changed or deleted, by whatever role; only a superuser may empty the table."""

    def __init__(self, model: str) -> None:
        self.model = model

    def describe(self) -> str:
        return f"Make {self.model} append-only"

    def statements(self, app_label: str, state: ProjectState) -> Sequence[str]:
        table = state.apps.get_model(app_label, self.model)._meta.db_table
        return [
            f"""
            CREATE FUNCTION {table}_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'TRUNCATE' AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
                    RETURN NULL;
                END IF;
                RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'restrict_violation';
            END $$
            """,
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_append_only()",
        ]
