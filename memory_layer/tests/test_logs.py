"""Lines of logs: what stands on them, and what never does, in both forms and at the most talkative level."""

import json
import logging.config
from io import StringIO

import pytest
import structlog
from django.conf import settings
from django.db import IntegrityError, ProgrammingError

from memories import embedding, ingest
from memories.tasks import embed_pending
from memory_layer import logs, tracebacks

SECRET = "The-heron-nests-beyond-the-weir"
KEY = "ml_a-key-that-nobody-has"
PASSWORD = "a-password-that-nobody-has"


@pytest.fixture(params=["json", "console"])
def said(request):
    """What is said from here on, of everything there is to say."""
    out, usual = StringIO(), structlog.get_config()
    configuration = logs.configuration(level="DEBUG", form=request.param)
    configuration["handlers"]["stderr"]["stream"] = out
    logging.config.dictConfig(configuration)
    structlog.configure(cache_logger_on_first_use=False)  # or a logger would keep this for the tests to come
    yield out
    logging.config.dictConfig(settings.LOGGING)
    structlog.configure(**usual)


def quoting(kind: type[Exception]):
    """Fails as a database or a library does: with the words that it was given."""

    def fail(*_: object, **__: object) -> None:
        local = SECRET
        raise kind(f"cannot take this\nDETAIL: Failing row contains ({local}).") from ValueError(local)

    return fail


def assert_discreet(out: StringIO, *, event: str) -> None:
    text = out.getvalue()
    assert event in text
    assert not [secret for secret in (SECRET, KEY, PASSWORD, "Failing row") if secret in text]


def test_what_is_stored_and_searched_for_is_not_said(api, said) -> None:
    api.post("/v1/messages", {"conversation_id": "c", "role": "user", "content": SECRET})
    api.get("/v1/memory/search", {"query": SECRET})
    api.post("/v1/recall", {"user_id": "maya", "query": SECRET})
    api.post("/v1/messages", {"conversation_id": "c", "role": SECRET, "content": SECRET})
    assert_discreet(said, event="v1/memory/search")


@pytest.mark.parametrize("kind", [ProgrammingError, ValueError])
def test_a_request_that_fails_over_a_text_does_not_say_it(api, said, monkeypatch, kind) -> None:
    monkeypatch.setattr(ingest, "_row", quoting(kind))
    api.raise_request_exception = False
    body = {"conversation_id": "c", "role": "user", "content": SECRET}
    assert api.post("/v1/messages", body).status_code == 500
    assert_discreet(said, event="unhandled_error")


def test_a_task_that_fails_over_a_text_does_not_say_it(said, monkeypatch, db) -> None:
    monkeypatch.setattr(embedding, "embed_due", quoting(ValueError))
    assert embed_pending.apply().state == "FAILURE"
    assert_discreet(said, event="task_failed")


def test_wrong_keys_and_passwords_are_not_said(client, said, db) -> None:
    client.get("/v1/messages", headers={"X-API-Key": KEY, "Authorization": f"Bearer {KEY}"})
    client.post("/admin/login/", {"username": "admin", "password": PASSWORD})
    assert_discreet(said, event="admin/login")


def test_an_error_is_told_once_by_our_line_and_once_with_its_place(api, said, monkeypatch) -> None:
    monkeypatch.setattr(ingest, "_row", quoting(ProgrammingError))
    api.raise_request_exception = False
    api.post("/v1/messages", {"conversation_id": "c", "role": "user", "content": "x"})
    assert said.getvalue().count("unhandled_error") == 1
    assert "test_logs.py:" in said.getvalue()


@pytest.mark.parametrize("said", ["json"], indirect=True)
def test_the_line_of_a_request_names_tenant_and_key_and_of_a_failed_one_is_an_error(
    api, tenant, said, monkeypatch
) -> None:
    monkeypatch.setattr(ingest, "_row", quoting(ValueError))
    api.raise_request_exception = False
    api.get("/v1/messages")
    api.post("/v1/messages", {"conversation_id": "c", "role": "user", "content": "x"})
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    read, failed = (line for line in lines if line["event"] == "request")
    assert (read["level"], failed["level"]) == ("info", "error")
    assert read["tenant"] == failed["tenant"] == tenant.slug
    assert read["key_id"] == failed["key_id"]


def test_an_exception_is_described_with_what_led_to_it() -> None:
    with pytest.raises(IntegrityError) as raised:
        quoting(IntegrityError)()
    described = tracebacks.described(raised.value)
    assert [one["type"] for one in described] == ["django.db.utils.IntegrityError", "builtins.ValueError"]
    assert [one["says"] for one in described] == ["cannot take this", ""]
    assert described[0]["at"][-1].endswith(" fail")


def test_exceptions_that_lead_to_each_other_end() -> None:
    one, other = ValueError(), KeyError()
    one.__context__, other.__context__ = other, one
    assert [each["type"] for each in tracebacks.described(one)] == ["builtins.ValueError", "builtins.KeyError"]
