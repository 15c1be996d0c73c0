"""Tenant A's key with tenant B's ids: the answer is the one to ids that exist nowhere, and nothing of B is in it."""

import json
import logging
import pickle
import re
import uuid
from dataclasses import astuple, replace
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.db import transaction

from memories.tests.helpers import redis_client
from memory_layer.tests.cross_tenant_cases import (
    EMPTY_OF_NOBODY,
    OF_DEPLOYMENT_KEYS,
    OF_USER_KEYS,
    Ids,
    addresses,
    documented,
    every_case,
)
from memory_layer.tests.tenant_rows import LONG_AGO, rows_of, tenant_with_rows
from tenants.api.base import write_cursor
from tenants.models import ApiKey
from tenants.tests.plain_login import PlainClient

pytestmark = pytest.mark.django_db
CASES = every_case()
UNCOMPARED_HEADERS = {"X-Request-ID", "Content-Length", "Date"}
# What differs from call to call with the same ids: new ids, times, the last digits of what fades with time.
ALIKE = {
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}": "<uuid>",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)": "<time>",
    r"(\d+\.\d{3})\d+": r"\1",
    r'("next_cursor":)"[^"]+"': r'\1"<cursor>"',
    r'("(?:api_)?key":)"[^"]+"': r'\1"<key>"',
    r'("prefix":)"[^"]+"': r'\1"<prefix>"',
}
READ = {
    b"string": lambda redis, key: [redis.get(key)],
    b"list": lambda redis, key: redis.lrange(key, 0, -1),
    b"hash": lambda redis, key: [part for pair in redis.hgetall(key).items() for part in pair],
    b"set": lambda redis, key: redis.smembers(key),
    b"zset": lambda redis, key: redis.zrange(key, 0, -1),
}


@pytest.fixture
def ours(db):
    return tenant_with_rows("quartz", "Porridge with plums for breakfast")


@pytest.fixture
def theirs(db):
    return tenant_with_rows("zephyr", "The vault combination is seventeen")


@pytest.fixture
def nowhere():
    """Ids of the same make, of rows that nobody has."""
    made = SimpleNamespace(created_at=LONG_AGO, pk=uuid.uuid4())
    rows = ("tenant", "conversation", "user", "message", "api_key", "rule", "run", "hold", "fact", "job")
    return Ids(
        tenant_slug="nimbus-tenant",
        conversation_name="nimbus-talk",
        user_name="nimbus-user",
        external_id="nimbus-external-0",
        cursor=write_cursor(made),
        idempotency_key="nimbus-once",
        text="The vault combination is sixteen",
        note="nimbus-note",
        **{name: str(uuid.uuid4()) for name in rows},
    )


@pytest.fixture(params=["tenant key", "user key"])
def client(request, ours):
    """Of tenant A: with a key of the tenant that may do all, or with one of its end user."""
    key = ours.key if request.param == "tenant key" else ours.user_key
    client = PlainClient()
    client.credentials(HTTP_X_API_KEY=key)
    return client


def send(client, call):
    path = call.path.format(**call.places)
    query = {"QUERY_STRING": "&".join(f"{name}={value}" for name, value in call.query.items()).replace(" ", "%20")}
    content = "" if call.body is None else json.dumps(call.body)
    return client.generic(call.method, path, content, "application/json", headers=dict(call.headers), **query)


def answer(client, call, *, look=lambda: None):
    """The answer, after which everything is as before; `look` sees what the call has written."""
    cache.clear()
    with transaction.atomic():
        response = send(client, call)
        look()
        transaction.set_rollback(True)
    return response


def comparable(response, sent):
    """Status, headers and body, without what must differ: the ids sent, and what differs from call to call."""
    text = response.content.decode()
    for value in sorted(filter(None, astuple(sent)), key=len, reverse=True):
        text = text.replace(value, "<sent>")
    for pattern, placeholder in ALIKE.items():
        text = re.sub(pattern, placeholder, text)
    headers = {name: value for name, value in response.headers.items() if name not in UNCOMPARED_HEADERS}
    return response.status_code, headers, text


def secrets_of(other, call):
    """Whatever tells of B, but for what the call itself says."""
    said = json.dumps([call.places, call.query, call.body, call.headers], default=dict)
    known = {value for value in astuple(other.ids) if value not in said}
    words = set() if other.word in said else {other.word, "vault", "seventeen"} - set(re.findall(r"\w+", said.lower()))
    return known | words | {other.row.prefix, other.row.digest, f"{other.word} title", f"{other.word} business"}


def in_redis(other):
    """Which of B's texts and ids stand anywhere in Redis, in a key or a value, in whatever spelling."""
    with redis_client() as redis:
        stored = b"".join(part for key in redis.scan_iter() for part in (key, *READ[redis.type(key)](redis, key)))
    return {one for one in (other.word, *astuple(other.ids)) for spelt in _spellings(one) if spelt in stored}


def _spellings(text):
    """As text; an id also as bytes, and as the number that pickle makes of it."""
    try:
        known = uuid.UUID(text)
    except ValueError:
        return [text.encode()]
    return [text.encode(), known.hex.encode(), known.bytes, pickle.dumps(known.int)[-17:-1]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_ids_of_another_tenant_are_ids_of_nothing(case, client, ours, theirs, nowhere, caplog, capfd):
    caplog.set_level(logging.INFO)
    before = rows_of(theirs.tenant)
    call = case.call(ours.ids, theirs.ids)

    def look():
        assert rows_of(theirs.tenant) == before

    response = answer(client, call, look=look)
    known_to_redis, logged = in_redis(theirs), caplog.text + "".join(capfd.readouterr())
    if case.where == "text":  # other words are another query: here the answer is that of a world without B
        theirs.tenant.delete()
        nowhere = theirs.ids
    other_answer = answer(client, case.call(ours.ids, nowhere))

    assert comparable(response, theirs.ids) == comparable(other_answer, nowhere)
    assert response.status_code < 500
    if case.where == "places":
        is_empty = (call.method, call.path) in EMPTY_OF_NOBODY
        assert response.status_code in ((200,) if is_empty else (403, 404))
    told = response.content.decode() + json.dumps(dict(response.headers))
    assert [one for one in secrets_of(theirs, call) if one in told or one in logged] == []
    assert known_to_redis == set()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_same_call_with_own_ids_is_a_good_one(case, ours):
    """Else its refusal would say nothing."""
    # Tenants and conversations go by the client's own strings alone. What exists is a 409, as is a key used before.
    own = ours.ids
    named = replace(own, tenant=own.tenant_slug, conversation=own.conversation_name, idempotency_key="quartz-another")
    call = case.call(own, named)
    client = PlainClient()
    client.credentials(HTTP_X_API_KEY=_key_for(call, ours))
    assert answer(client, call).status_code in (200, 201, 202, 204, 409)


def _key_for(call, ours):
    if call.path in OF_DEPLOYMENT_KEYS:
        return "test-deployment-key"
    return ours.user_key if call.path in OF_USER_KEYS else ours.key


def test_every_address_has_its_cases():
    assert addresses() == documented()
    assert {(method, path) for method, path in addresses() if "{" in path} <= {
        tuple(case.title.split(" ")[:2]) for case in CASES if case.where == "places"
    }


def test_a_case_would_notice_a_leak(ours, theirs, nowhere):
    """A call that does show B's row differs from one about nothing, and holds its secrets."""
    client = PlainClient()
    client.credentials(HTTP_X_API_KEY=theirs.key)
    case = next(one for one in CASES if one.title == "get /v1/messages/{message_id} places message_id as message")
    call = case.call(ours.ids, theirs.ids)
    shown, absent = answer(client, call), answer(client, case.call(ours.ids, nowhere))
    assert comparable(shown, theirs.ids) != comparable(absent, nowhere)
    assert any(one in shown.content.decode() for one in secrets_of(theirs, call))


def test_what_stands_in_redis_is_found(theirs):
    cache.set("a", {"id": uuid.UUID(theirs.ids.message), "text": theirs.ids.text})
    assert in_redis(theirs) == {theirs.ids.message, theirs.ids.text}


def test_a_failed_authentication_tells_no_tenant(theirs):
    """A key that was revoked is as unknown as one that never was."""
    ApiKey.objects.filter(pk=theirs.row.pk).update(revoked_at=LONG_AGO)
    answers = []
    for key in (theirs.key, "mlk_never"):
        client = PlainClient()
        client.credentials(HTTP_X_API_KEY=key)
        answers.append(client.get("/v1/messages"))
    assert [one.status_code for one in answers] == [401, 401]
    assert answers[0].json() == answers[1].json()
