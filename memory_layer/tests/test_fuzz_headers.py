"""Whatever stands in the headers, no address fails, and under /v1 every refusal has the one error shape."""

import io
import json
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from memories.tests.factories import MessageFactory
from tenants import keys
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db
BODY = b'{"conversation_id": "talk", "role": "user", "content": "Hello"}'
ADDRESSES = [
    ("GET", "/v1/messages"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/conversations"),
    ("GET", "/v1/memory/search"),
    ("POST", "/v1/memory/search"),
    ("DELETE", "/v1/messages/01a1f9e2-e4be-7560-9623-e5d26c581249"),
    ("GET", "/v1/nowhere"),
    ("GET", "/v1/admin/health"),
    ("GET", "/livez"),
    ("GET", "/openapi.json"),
    ("GET", "/admin/"),
]
# A WSGI server hands over the bytes of a header read as latin-1, whatever they were.
LATIN_1 = st.text(st.characters(max_codepoint=255), max_size=60)
UTF_8 = st.text(max_size=20).map(lambda text: text.encode(errors="surrogatepass").decode("latin-1"))
LONG = st.sampled_from(["a", "\xff", "%", ",", "=", ";", " ", "0"]).map(lambda character: character * 9000)
ANYTHING = st.one_of(LATIN_1, UTF_8, LONG)
NAMES = [
    "HTTP_X_API_KEY",
    "HTTP_AUTHORIZATION",
    "HTTP_IDEMPOTENCY_KEY",
    "HTTP_X_REQUEST_ID",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_HOST",
    "HTTP_ORIGIN",
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_COOKIE",
    "HTTP_TRANSFER_ENCODING",
    "HTTP_X_HTTP_METHOD_OVERRIDE",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
]
TRICKY = {
    "HTTP_AUTHORIZATION": st.one_of(ANYTHING.map("Bearer {}".format), ANYTHING.map("Basic {}".format)),
    "HTTP_ACCEPT": st.sampled_from(["text/html", "application/xml", "*/*;q=x", "application/json; version=\xff"]),
    "HTTP_COOKIE": ANYTHING.map("sessionid={}; csrftoken=\xe4".format),
    "HTTP_X_FORWARDED_FOR": st.sampled_from(["::1", "1.2.3.4, 5.6.7.8", "[::1]:80", "999.1.1.1", ",", "fe80::1%eth0"]),
    "CONTENT_TYPE": st.sampled_from(
        ["application/json; charset=nonsense", "application/json; charset=utf-16", "application/json;;;", ";",
         "text/plain", "multipart/form-data", "multipart/form-data; boundary=\xff", "application/x-www-form-urlencoded"]
    ),
    "CONTENT_LENGTH": st.sampled_from(["-1", "0", "1", "+5", "1e3", " 5", "\xb2", "9" * 30, "63", "1_0", "0x10"]),
}  # fmt: skip
HEADERS = st.dictionaries(st.sampled_from(NAMES), st.none()).flatmap(
    lambda chosen: st.fixed_dictionaries({name: st.one_of(ANYTHING, TRICKY.get(name, ANYTHING)) for name in chosen})
)
application = WSGIHandler()


@pytest.fixture
def key(tenant):
    """A key; and the test's transaction survives the requests, as it does with Django's own test client."""
    MessageFactory.create(conversation__tenant=tenant)
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield keys.issue(tenant, name="fuzz")[1]
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture(params=[True, False], ids=["trusted proxy", "no proxy"])
def _proxied(request, settings):
    settings.MEMORY_TRUSTED_PROXY_HOPS = int(request.param)


def call(method, path, headers):
    """(status, headers, body) as a WSGI server would get them."""
    answered: dict[str, Any] = {}

    def start_response(status, fields, exc_info=None):
        answered.update(status=int(status[:3]), fields=dict(fields))

    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "query=hello" if path.endswith("search") and method == "GET" else "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(BODY if method == "POST" else b""),
        "wsgi.errors": io.StringIO(),
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(BODY) if method == "POST" else 0),
        **headers,
    }
    with transaction.atomic():
        with plain_login():
            response = application(environ, start_response)
            body = b"".join(response)
            response.close()
        transaction.set_rollback(True)
    return answered["status"], answered["fields"], body


@pytest.mark.usefixtures("_proxied")
@pytest.mark.parametrize(("method", "path"), ADDRESSES, ids=[" ".join(one) for one in ADDRESSES])
@settings(max_examples=60, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(headers=HEADERS, with_key=st.booleans())
@example(headers={"HTTP_X_API_KEY": "\x00"}, with_key=False)
@example(headers={"HTTP_AUTHORIZATION": "Bearer \udcff"}, with_key=False)
@example(headers={"HTTP_IDEMPOTENCY_KEY": "\xe4\xf6\xfc" * 85}, with_key=True)
@example(headers={"HTTP_IDEMPOTENCY_KEY": "a\x00b"}, with_key=True)
@example(headers={"HTTP_HOST": "evil.example\r\nX-Bad: 1"}, with_key=True)
@example(headers={"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}, with_key=True)
@example(headers={"HTTP_X_FORWARDED_FOR": "1.2.3.4\x00"}, with_key=True)
def test_no_header_makes_an_address_fail(method, path, key, headers, with_key):
    given_key = {"HTTP_X_API_KEY": key} if with_key else {}
    status, fields, body = call(method, path, {**given_key, **headers})
    assert status < 500 or (path.startswith("/v1/admin/") and status == 503), body
    assert not any(character in value for value in fields.values() for character in "\r\n\0")
    if path.startswith("/v1/") and status >= 400 and "/admin/" not in path:
        refusal = json.loads(body)
        assert refusal.keys() == {"type", "errors"}
        assert all(error.keys() == {"code", "detail", "attr"} for error in refusal["errors"])


def test_an_ordinary_call_is_answered(key):
    """Else all of the above might have been refused at the door."""
    assert call("POST", "/v1/messages", {"HTTP_X_API_KEY": key})[0] == 202
