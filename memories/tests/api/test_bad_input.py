"""Whatever is sent: a 4xx with a code and a sentence, nothing stored, never a 500."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from memories.models import Conversation, Message
from memories.tests.api.calls import NEW, complaint, new, post_raw, stored
from tenants.models import Tenant

pytestmark = pytest.mark.django_db
TOMORROW = (timezone.now() + timedelta(days=1)).date().isoformat() + "T23:59:59Z"


@pytest.fixture(autouse=True)
def nothing_is_stored(db):
    """After each test of this file there is neither a message nor a conversation."""
    yield
    assert not Message.objects.exists()
    assert not Conversation.objects.exists()


@pytest.mark.parametrize("name", ["conversation_id", "role", "content"])
def test_a_missing_field_is_named(api, name):
    body = {key: value for key, value in NEW.items() if key != name}
    assert complaint(api.post("/v1/messages", body)) == (400, "required", name)


@pytest.mark.parametrize("name", ["conversation_id", "role", "content", "metadata", "tenant_id", "created_at"])
def test_null_is_not_a_value(api, name):
    assert complaint(api.post("/v1/messages", new(**{name: None}))) == (400, "null", name)


@pytest.mark.parametrize("value", [5, 1.5, True, [], {}, ["a"], {"a": "b"}])
@pytest.mark.parametrize(
    "name", ["conversation_id", "role", "content", "user_id", "external_id", "tenant_id", "created_at"]
)
def test_only_text_is_text(api, name, value):
    assert complaint(api.post("/v1/messages", new(**{name: value})))[::2] == (400, name)


@pytest.mark.parametrize("value", ["0.5", True, [], {}, -0.1, 1.1, 10**400])
def test_an_override_is_a_share(api, value):
    assert complaint(api.post("/v1/messages", new(importance_override=value)))[::2] == (400, "importance_override")


@pytest.mark.parametrize("value", ["", "a", 5, True, [], [{}]])
def test_metadata_is_an_object(api, value):
    assert complaint(api.post("/v1/messages", new(metadata=value))) == (400, "not_a_dict", "metadata")


@pytest.mark.parametrize("name", ["colour", "Content", "id", "importance_score", "", "é", "a" * 300])
def test_an_unknown_field_is_refused(api, name):
    assert complaint(api.post("/v1/messages", new(**{name: 1}))) == (400, "unknown_field", name)


@pytest.mark.parametrize(
    ("content", "code"),
    [("", "blank"), (" \n\t", "blank"), ("a" * 100_001, "max_length"), ("a\0b", "null_characters_not_allowed")],
)
def test_content_has_bounds(api, content, code):
    assert complaint(api.post("/v1/messages", new(content=content))) == (400, code, "content")


@pytest.mark.parametrize(
    "name", ["conversation_id", "role", "content", "user_id", "external_id", "created_at", "tenant_id"]
)
@pytest.mark.parametrize("text", ["a\\u0000", "\\ud800", "\\udc00\\ud800"])
def test_nul_and_lone_surrogates_are_refused(api, name, text):
    body = json.dumps(new(**{name: "TEXT"})).replace("TEXT", text)
    assert complaint(post_raw(api, "/v1/messages", body))[::2] == (400, name)


def test_an_unknown_field_of_lone_surrogates_is_printed(api):
    assert complaint(post_raw(api, "/v1/messages", '{"\\ud800": 1}')) == (400, "unknown_field", "\\ud800")


@pytest.mark.parametrize("name", ["conversation_id", "tenant_id"])
@pytest.mark.parametrize("value", ["", "a b", "a/b", "é", "a" * 129, "a\n", "\na", " a", "%00"])
def test_ids_have_a_pattern(api, name, value):
    assert complaint(api.post("/v1/messages", new(**{name: value})))[::2] == (400, name)


@pytest.mark.parametrize("name", ["user_id", "external_id"])
@pytest.mark.parametrize("value", ["", " ", "a" * 256])
def test_clients_ids_have_bounds(api, name, value):
    assert complaint(api.post("/v1/messages", new(**{name: value})))[::2] == (400, name)


@pytest.mark.parametrize("role", ["robot", "User", "", "👤", "user\n"])
def test_an_unknown_role_is_refused_with_the_known_ones(api, role):
    response = api.post("/v1/messages", new(role=role))
    assert complaint(response) == (400, "invalid_choice", "role")
    assert "user, assistant, system, tool" in response.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("created_at", "code"),
    [
        (TOMORROW, "in_the_future"), ("9999-12-31T23:59:59Z", "in_the_future"), ("yesterday", "invalid"),
        ("", "invalid"), ("20240101T000000Z", "invalid"), ("2024-W01-1", "invalid"), ("٢٠٢٤-01-01", "invalid"),
        ("2024-02-30T00:00:00Z", "invalid"), ("2024-01-01T25:00:00Z", "invalid"), ("0000-01-01T00:00:00Z", "invalid"),
        ("2024-01-01T00:00:00+99:00", "invalid"), ("2024-01-01T00:00:00Mars", "invalid"), ("1" * 5000, "invalid"),
        ("0001-01-01T00:00:00+14:00", "overflow"), ("9999-12-31T23:59:59-14:00", "overflow"),
    ],
)  # fmt: skip
def test_a_time_must_be_one_and_past(api, created_at, code):
    assert complaint(api.post("/v1/messages", new(created_at=created_at))) == (400, code, "created_at")


# --- Metadata: the error names the path ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "code", "path"),
    [
        ({"a": {"b": {"c": {"d": {}}}}}, "too_deep", "metadata.a.b.c.d "),
        ({"a": {"b": [[[1]]]}}, "too_deep", "metadata.a.b[0][0] "),
        ({str(n): n for n in range(51)}, "too_many", "metadata "),
        ({"a": {"b": [0] * 51}}, "too_many", "metadata.a.b "),
        ({"a": {"b": [0, "x" * 2049]}}, "too_long", "metadata.a.b[1] "),
        ({"k" * 2049: 1}, "too_long", f"the key metadata.{'k' * 80} "),
        ({"a": {"b": "x\0"}}, "bad_text", "metadata.a.b "),
        ({"a": {"\0": 1}}, "bad_text", "the key metadata.a.\\0 "),
    ],
)
def test_metadata_over_a_limit_is_named_by_its_path(api, metadata, code, path):
    response = api.post("/v1/messages", new(metadata=metadata))
    assert complaint(response) == (400, code, "metadata")
    assert response.json()["errors"][0]["detail"].startswith(path)


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ('{"a": {"b": "\\ud800"}}', "bad_text"), ('{"\\ud800": 1}', "bad_text"), ('{"a": 1e999}', "bad_number"),
        ('{"a": [-1e999]}', "bad_number"), ('{"a": NaN}', "parse_error"), ('{"a": -Infinity}', "parse_error"),
        ('{"a": ' + "9" * 5000 + "}", "parse_error"), ('{"a":' * 500 + "1" + "}" * 500, "too_deep"),
        ('{"a":' * 950 + "1" + "}" * 950, "parse_error"),
    ],
)  # fmt: skip
def test_metadata_that_no_encoder_writes_is_refused(api, metadata, code):
    body = json.dumps(NEW)[:-1] + f', "metadata": {metadata}}}'
    assert complaint(post_raw(api, "/v1/messages", body))[:2] == (400, code)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "9" * 400, "9" * 5000])
def test_a_number_beyond_all_numbers_is_refused(api, number):
    body = json.dumps(NEW)[:-1] + f', "importance_override": {number}}}'
    assert complaint(post_raw(api, "/v1/messages", body))[0] == 400


# --- Bodies -------------------------------------------------------------------------------------------------------

PATHS = [
    "/v1/messages", "/v1/messages/batch", "/v1/messages/batch/update", "/v1/messages/batch/delete", "/v1/conversations",
    "/v1/memory/search",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[1,",
        "nope",
        "'a'",
        "{'a': 1}",
        "\0",
        "\ufeff{}",
        b"\xff\xfe",
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 5000,
    ],
    ids=lambda body: str(body[:8]),
)
def test_broken_json_is_a_400(api, path, body):
    assert complaint(post_raw(api, path, body))[0] == 400


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", ["[]", "null", "5", '"text"', "true", "{}", "[{}]"])
def test_a_body_that_says_nothing_is_a_400(api, path, body):
    assert complaint(post_raw(api, path, body))[0] == 400


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
def test_another_content_type_is_a_415(api, path, content_type):
    response = api.generic("POST", path, json.dumps(NEW), content_type=content_type)
    assert complaint(response) == (415, "unsupported_media_type", None)


@pytest.mark.parametrize("path", PATHS)
def test_a_body_over_the_limit_is_a_413(api, path, settings):
    body = json.dumps(new(content="x" * settings.MEMORY_REQUEST_MAX_BYTES))
    assert complaint(post_raw(api, path, body)) == (413, "request_too_large", None)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", ["colour=red", "tenant_id=a%20b", "limit=5"])
def test_a_query_string_that_means_nothing_is_a_400(api, path, query):
    valid = {"messages": [NEW], "updates": [{}], "message_ids": ["0" * 32], "conversation_id": "c", "query": "x"}
    wanted = {"batch": "messages", "update": "updates", "delete": "message_ids", "conversations": "conversation_id"}
    name = wanted.get(path.rsplit("/", 1)[1], "query")
    body = NEW if path == "/v1/messages" else {name: valid[name]}
    assert complaint(api.post(f"{path}?{query}", body))[::2] == (400, query.split("=")[0])


def test_the_last_of_two_equal_names_counts(api):
    body = json.dumps(NEW)[:-1] + ', "role": "robot"}'
    assert complaint(post_raw(api, "/v1/messages", body)) == (400, "invalid_choice", "role")


@pytest.mark.parametrize("key", ["", "a" * 256, "a\tb"])
def test_a_bad_idempotency_key_is_a_400_before_a_tenant_is_made(operator_api, key):
    response = operator_api.post("/v1/messages", new(tenant_id="fresh"), headers={"Idempotency-Key": key})
    assert complaint(response)[::2] == (400, "Idempotency-Key")
    assert not Tenant.objects.exists()


@pytest.mark.parametrize("body", [new(role="robot"), new(tenant_id="a b"), {}])
def test_a_refused_write_makes_no_tenant(operator_api, body):
    assert complaint(operator_api.post("/v1/messages", {"tenant_id": "fresh", **body}))[0] == 400
    assert not Tenant.objects.exists()


# --- Addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/v1", "/v1/", "/v1/nope", "/v1/messages/", "/v1/messages/not-a-uuid", "/v1/messages/5", "/v1/messages/%00",
        "/v1/conversations/a%20b", "/v1/conversations/a%0A", "/v1/conversations/" + "a" * 129, "/v1/conversations/a/b",
        "/v1/conversations/%ff", "/v1/memory", "/v1/admin/nope", "/v1/memory/search/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_address_that_is_none_is_a_json_404(api, path, method):
    assert complaint(getattr(api, method)(path)) == (404, "not_found", None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("put", "/v1/messages"), ("delete", "/v1/messages"), ("get", "/v1/messages/batch"),
        ("delete", "/v1/conversations"), ("post", "/v1/conversations/a"), ("post", "/v1/conversations/a/stats"),
        ("put", "/v1/memory/search"), ("post", "/v1/admin/health"), ("trace", "/v1/messages"),
    ],
)  # fmt: skip
def test_a_method_that_is_none_is_a_405(api, method, path):
    response = api.generic(method.upper(), path)
    assert complaint(response) == (405, "method_not_allowed", None)
    assert "GET" in response["Allow"] or "POST" in response["Allow"]


@pytest.mark.parametrize(
    "change", [{}, {"role": "user"}, {"archived": "yes"}, {"archived": 1}, {"content": " "}, [], 5]
)
def test_a_bad_change_changes_nothing(api, change):
    message = stored(api)
    for method in ("put", "patch"):
        assert complaint(getattr(api, method)(f"/v1/messages/{message['id']}", change))[0] == 400
    assert Message.objects.get().updated_at.isoformat()[:26] == message["updated_at"][:26]
    Conversation.objects.all().delete()
