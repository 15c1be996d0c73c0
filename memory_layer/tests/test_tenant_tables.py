"""Every table that holds tenants' rows, those of models yet to come included, is fenced by the database itself."""

import re
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from psycopg.sql import SQL, Identifier

from memory_layer.tests.tenant_rows import APPS, MODELS, foreign_keys, key_column, key_of, row_of, tenant_column
from tenants.isolation import tenant_scope
from tenants.models import ApiKey, AuditEvent, Tenant
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db
ROOT = Tenant  # has no tenant: it is one
# Open outside of scopes too: a key is looked up, and trails are written, before anybody knows for whom.
DIRECTORIES = {Tenant, ApiKey, AuditEvent}
REFUSED = r"row-level security|permission denied"
OWNED = [model for model in MODELS if model is not ROOT]
REFERENCES = [(model, field.name) for model in MODELS for field in foreign_keys(model)]

every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
every_owned_model = pytest.mark.parametrize("model", OWNED, ids=lambda model: model.__name__)
every_closed_model = pytest.mark.parametrize(
    "model", [model for model in MODELS if model not in DIRECTORIES], ids=lambda model: model.__name__
)
every_reference = pytest.mark.parametrize(
    ("model", "name"), REFERENCES, ids=[f"{model.__name__}.{name}" for model, name in REFERENCES]
)


@pytest.fixture
def other(db):
    return TenantFactory.create(slug="other")


@contextmanager
def ordinary(tenant):
    """In the scope of `tenant`, under a login that is no superuser; what was written is undone."""
    with plain_login(), tenant_scope(tenant):
        yield
        transaction.set_rollback(True)


def execute(statement, *values, **names):
    """Run raw SQL, which no queryset has touched; its rows, or how many it changed."""
    query = SQL(statement).format(**{name: Identifier(text) for name, text in names.items()})
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def owners(model):
    """Whose rows a SELECT without any condition finds."""
    named = {"table": model._meta.db_table, "column": tenant_column(model)}
    return {owner for (owner,) in execute("SELECT {column} FROM {table}", **named)}


def refused_or_without_effect(statement, *values, **names):
    try:
        with transaction.atomic():
            return execute(statement, *values, **names) == 0
    except DatabaseError as error:
        return re.search(REFUSED, str(error)) is not None


# --- What the catalogue says --------------------------------------------------------------------------------------


@every_owned_model
def test_every_row_says_whose_it_is(model):
    assert model._meta.get_field("tenant").related_model is Tenant


def test_every_table_with_a_tenant_is_that_of_a_model_here():
    """A table of raw SQL, or of a further app, would pass all other tests by."""
    columns = "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = %s"
    tables = {table for (table,) in execute(columns, "tenant_id")}
    assert tables == {model._meta.db_table for model in OWNED}, f"looked at the apps {APPS}"


@every_model
def test_row_level_security_is_forced(model):
    flags = "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass"
    assert execute(flags, model._meta.db_table) == [(True, True)]


@every_model
def test_a_policy_binds_tenants_in_all_they_do(model):
    policies = execute(
        "SELECT cmd, qual FROM pg_policies WHERE tablename = %s AND permissive = 'PERMISSIVE'"
        " AND roles = '{{memory_tenant}}'",
        model._meta.db_table,
    )
    assert [command for command, _ in policies] == ["ALL"]
    assert f"({tenant_column(model)} = " in policies[0][1]
    assert "memory.tenant_id" in policies[0][1]


@every_model
def test_only_a_directory_is_open_to_everybody(model):
    opened = "SELECT count(*) FROM pg_policies WHERE tablename = %s AND roles = '{{public}}'"
    assert execute(opened, model._meta.db_table) == [(1 if model in DIRECTORIES else 0,)]


@every_reference
def test_every_reference_stays_within_its_tenant(model, name):
    field = model._meta.get_field(name)
    found = execute(
        "SELECT array_agg(one.attname ORDER BY at.n), array_agg(other.attname ORDER BY at.n), confrelid::regclass::text"
        " FROM pg_constraint"
        " CROSS JOIN LATERAL unnest(conkey, confkey) WITH ORDINALITY AS at(mine, theirs, n)"
        " JOIN pg_attribute one ON one.attrelid = conrelid AND one.attnum = at.mine"
        " JOIN pg_attribute other ON other.attrelid = confrelid AND other.attnum = at.theirs"
        " WHERE contype = 'f' AND conrelid = %s::regclass"
        " GROUP BY pg_constraint.oid, confrelid HAVING %s = ANY (array_agg(one.attname))",
        model._meta.db_table,
        field.column,
    )
    assert found == [(["tenant_id", field.column], ["tenant_id", "id"], field.related_model._meta.db_table)]


# --- What a tenant may do -----------------------------------------------------------------------------------------


@every_model
def test_a_tenant_sees_its_own_rows_alone(model, tenant, other):
    row_of(model, tenant), row_of(model, other)
    with ordinary(tenant):
        assert owners(model) == {tenant.pk}


@every_model
def test_outside_of_scopes_only_directories_are_read(model, tenant, other):
    row_of(model, tenant), row_of(model, other)
    with plain_login():
        assert owners(model) == ({tenant.pk, other.pk} if model in DIRECTORIES else set())


@every_model
def test_a_tenant_inserts_no_row_of_another(model, tenant, other):
    row = row_of(model, other)
    with ordinary(tenant), pytest.raises(DatabaseError, match=REFUSED):
        row.save_base(raw=True, force_insert=True)


@every_owned_model
def test_a_tenant_inserts_rows_of_its_own(model, tenant):
    """Else the refusal of another's row would say nothing."""
    with ordinary(tenant):
        row_of(model, tenant)
        assert owners(model) == {tenant.pk}


@every_closed_model
def test_outside_of_scopes_nothing_is_inserted(model, tenant):
    row = row_of(model, tenant)
    with plain_login(), pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
        row.save_base(raw=True, force_insert=True)


@every_model
def test_a_tenant_changes_no_row_of_another(model, tenant, other):
    named = {"table": model._meta.db_table, "column": tenant_column(model)}
    row_of(model, other)
    with ordinary(tenant):
        assert refused_or_without_effect("UPDATE {table} SET {column} = {column}", **named)


@every_model
def test_a_tenant_gives_no_row_of_its_own_away(model, tenant, other):
    named = {"table": model._meta.db_table, "column": tenant_column(model), "key": key_column(model)}
    row = row_of(model, tenant)
    with ordinary(tenant), pytest.raises(DatabaseError, match=REFUSED):
        execute("UPDATE {table} SET {column} = %s WHERE {key} = %s", other.pk, key_of(row), **named)


@every_model
def test_a_tenant_deletes_no_row_of_another(model, tenant, other):
    row_of(model, other)
    with ordinary(tenant):
        assert refused_or_without_effect("DELETE FROM {table}", table=model._meta.db_table)


@every_closed_model
def test_outside_of_scopes_nothing_is_changed(model, tenant):
    row_of(model, tenant)
    named = {"table": model._meta.db_table, "column": tenant_column(model)}
    with plain_login():
        assert refused_or_without_effect("UPDATE {table} SET {column} = {column}", **named)
        assert refused_or_without_effect("DELETE FROM {table}", table=model._meta.db_table)


@every_reference
@pytest.mark.parametrize("login", ["ordinary", "superuser"])
def test_a_row_refers_to_no_row_of_another_tenant(model, name, login, tenant, other):
    field = model._meta.get_field(name)
    row, theirs = row_of(model, tenant), row_of(field.related_model, other)
    named = {"table": model._meta.db_table, "field": field.column, "key": key_column(model)}
    with ordinary(tenant) if login == "ordinary" else transaction.atomic():
        assert execute("UPDATE {table} SET {field} = %s WHERE {key} = %s", theirs.pk, key_of(row), **named) == 1
        with pytest.raises(IntegrityError, match="_of_tenant"), transaction.atomic():
            execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


@every_reference
def test_a_row_refers_to_another_one_of_its_tenant(model, name, tenant):
    field = model._meta.get_field(name)
    row, own = row_of(model, tenant), row_of(field.related_model, tenant)
    named = {"table": model._meta.db_table, "field": field.column, "key": key_column(model)}
    with ordinary(tenant):
        assert execute("UPDATE {table} SET {field} = %s WHERE {key} = %s", own.pk, key_of(row), **named) == 1
        execute("SET CONSTRAINTS ALL IMMEDIATE")
