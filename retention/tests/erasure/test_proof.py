"""The proof finds whatever is left, in whatever column or value, and nothing that is somebody else's."""

import base64
import json
import pickle
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from psycopg.sql import SQL, Identifier, Literal

from memories.tests.helpers import redis_client
from retention.erasure import in_redis, proof
from retention.erasure.needles import Find, Needles
from tenants.ids import new_id
from tenants.models import AuditEvent, EndUser, Tenant
from tenants.tests.factories import EndUserFactory, TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db
ID = UUID("01924f4e-9d5b-7cc3-98c4-dc0c0c07398f")
HIGH = UUID("f1924f4e-9d5b-4cc3-98c4-dc0c0c07398f")  # its number has its highest bit set
TEXT = 'she said "never",\nand then the kettle — old as it was — sang'
NAME = "maya@example.org"
NEEDLES = Needles(frozenset({ID, HIGH}), [TEXT], [NAME])


def found(tenant: Tenant) -> list[Find]:
    with plain_login():
        return proof.search_database(NEEDLES, tenant)[1]


def plant(kind: str, value: Any, *, table: str = "tenants_enduser") -> None:
    """A column that no model knows, with this value in every row."""
    named = {"table": Identifier(table), "kind": SQL(kind), "value": Literal(value)}
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(SQL("ALTER TABLE {table} ADD COLUMN planted {kind} DEFAULT {value}").format(**named))


@pytest.fixture
def user(tenant) -> EndUser:
    return EndUserFactory.create(tenant=tenant)


# --- Columns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uuid", str(ID)),
        ("uuid[]", f"{{{ID}}}"),
        ("text", f"see {ID}."),
        ("text", f"see {ID.hex.upper()}"),
        ("varchar(80)", str(HIGH)),
        ("char(36)", str(ID)),
        ("json", f'{{"a": ["{ID}"]}}'),
        ("jsonb", f'{{"{ID}": 1}}'),
        ("text[]", f'{{"a","of {ID}"}}'),
        ("bytea", f"bytes {ID}"),
    ],
)
def test_an_id_is_found_in_every_kind_of_column(user, kind, value) -> None:
    plant(kind, value)
    assert found(user.tenant) == [Find("tenants_enduser.planted", "id")]


@pytest.mark.parametrize(
    ("kind", "value"), [("text", f"> {TEXT} <"), ("json", json.dumps({"a": TEXT})), ("jsonb", json.dumps({"a": TEXT}))]
)
def test_a_text_is_found_within_another_and_in_json(user, kind, value) -> None:
    plant(kind, value)
    assert found(user.tenant) == [Find("tenants_enduser.planted", "text")]


@pytest.mark.parametrize("value", [NAME, f"by {NAME}.", f'["{NAME}"]', f"({NAME})"])
def test_a_name_is_found_as_a_word(user, value) -> None:
    plant("text", value)
    assert found(user.tenant) == [Find("tenants_enduser.planted", "name")]


@pytest.mark.parametrize("value", [f"anna{NAME}", f"{NAME}-2", f"{NAME}.uk", "maya@example"])
def test_a_longer_name_is_another(user, value) -> None:
    plant("text", value)
    assert found(user.tenant) == []


def test_one_id_among_many_rows_is_found(tenant) -> None:
    users = EndUserFactory.create_batch(20, tenant=tenant)
    EndUser.objects.filter(pk=users[7].pk).update(metadata={"of": str(ID)})
    assert found(tenant) == [Find("tenants_enduser.metadata", "id")]


def test_other_ids_and_texts_are_not_found(user) -> None:
    plant("text", f"{new_id()} {TEXT[:20]}")
    assert found(user.tenant) == []


# --- Whose ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [TEXT, NAME])
def test_another_tenant_may_say_and_call_the_same(user, value) -> None:
    plant("text", value)
    assert found(TenantFactory.create()) == []


def test_an_id_is_found_in_another_tenants_row(user) -> None:
    plant("text", str(ID))
    assert found(TenantFactory.create()) == [Find("tenants_enduser.planted", "id")]


def test_the_audit_trail_may_say_which_row_it_was_but_not_what_it_said(tenant) -> None:
    AuditEvent.objects.create(tenant=tenant, actor_kind="system", action="a", object_id=str(ID), actor=NAME)
    assert found(tenant) == []
    AuditEvent.objects.create(tenant=tenant, actor_kind="system", action="a", detail={"was": TEXT})
    assert found(tenant) == [Find("tenants_auditevent.detail", "text")]


def test_a_table_that_cannot_be_read_is_a_find(tenant) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE hidden (a text)")
        cursor.execute("REVOKE ALL ON hidden FROM memory_maintenance")
    assert found(tenant) == [Find("hidden", "unreadable")]


def test_a_table_whose_rows_are_hidden_is_a_find(tenant) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE hidden (a text)")
        cursor.execute("GRANT SELECT ON hidden TO memory_maintenance")
        cursor.execute("ALTER TABLE hidden ENABLE ROW LEVEL SECURITY")
    assert found(tenant) == [Find("hidden", "unreadable")]


# --- Redis ------------------------------------------------------------------------------------------------------------

VALUES: dict[str, bytes] = {
    "text of an id": f"a {ID} b".encode(),
    "hexadecimal": ID.hex.encode(),
    "raw bytes": b"a" + ID.bytes + b"b",
    "pickled": pickle.dumps([ID]),
    "pickled, high": pickle.dumps([HIGH]),
    "queued task": b'{"body": "' + base64.b64encode(f'[["{ID}"], {{}}]'.encode()) + b'"}',
}
PUTS: dict[str, Callable[[Any, bytes], Any]] = {
    "string": lambda client, value: client.set("key", value),
    "list": lambda client, value: client.rpush("key", b"a", value),
    "set": lambda client, value: client.sadd("key", b"a", value),
    "hash": lambda client, value: client.hset("key", mapping={b"a": b"b", b"c": value}),
    "field of a hash": lambda client, value: client.hset("key", value, b"a"),
    "zset": lambda client, value: client.zadd("key", {b"a": 1, value: 2}),
    "stream": lambda client, value: client.xadd("key", {b"a": value}),
    "field of a stream": lambda client, value: client.xadd("key", {value: b"a"}),
}


@pytest.fixture
def client():
    with redis_client() as client:
        yield client
        client.delete("key")


@pytest.mark.parametrize("put", PUTS)
@pytest.mark.parametrize("value", VALUES)
def test_an_id_is_found_in_every_kind_of_value(client, put, value) -> None:
    PUTS[put](client, VALUES[value])
    assert in_redis.search(NEEDLES)[1] == [Find("redis:key", "id")]


@pytest.mark.parametrize("put", PUTS)
def test_a_text_is_found_in_every_kind_of_value(client, put) -> None:
    PUTS[put](client, f"> {TEXT} <".encode())
    assert in_redis.search(NEEDLES)[1] == [Find("redis:key", "text")]


@pytest.mark.parametrize("value", VALUES)
def test_an_id_is_found_in_the_name_of_a_key_which_is_not_told(client, value) -> None:
    name = b"of:" + VALUES[value]
    client.set(name, 1, ex=60)
    assert in_redis.search(NEEDLES)[1] == [Find("redis:a key of type string", "id")]
    client.delete(name)


def test_a_redis_that_does_not_answer_is_a_find(settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    assert in_redis.search(NEEDLES) == (0, [Find("redis", "unreachable")])


def test_nothing_is_found_where_nothing_is(client) -> None:
    client.set("key", f"{new_id()} {TEXT[:20]}".encode() + new_id().bytes)
    count, finds = in_redis.search(NEEDLES)
    assert count >= 1
    assert finds == []
