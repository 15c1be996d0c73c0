"""`manage.py erase` and `verify_receipt`."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from memories.models import Hold
from retention.models import Receipt
from retention.tests.erasure.erasing import SECRET, World, every_row, world
from tenants.models import EndUser
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme(db) -> World:
    return world()


def printed(*command: str, **options: Any) -> str:
    out = StringIO()
    with plain_login():
        call_command(*command, stdout=out, **options)
    return out.getvalue()


def erase(*options: str) -> str:
    return printed("erase", "--tenant=acme", *options)


def users() -> set[str | None]:
    return set(EndUser.objects.values_list("external_id", flat=True))


def test_an_end_user_is_erased(acme) -> None:
    assert "erased" in erase("--user=maya-1234", "--yes")
    assert users() == {"noah-5678"}


def test_a_conversation_is_erased(acme) -> None:
    erase("--conversation=talk-of-maya", "--yes")
    assert not acme.tenant.conversations.filter(external_id="talk-of-maya").exists()


def test_a_tenant_is_erased(acme) -> None:
    erase("--whole-tenant", "--yes")
    assert users() == set()


def test_a_dry_run_changes_nothing_and_counts_the_same(acme) -> None:
    before = every_row()
    counts = json.loads(erase("--user=maya-1234", "--dry-run", "--json"))
    assert every_row() == before
    assert json.loads(erase("--user=maya-1234", "--yes", "--json"))["counts"] == counts


def test_without_a_terminal_it_does_not_act_unasked(acme) -> None:
    with pytest.raises(CommandError, match="--yes"):
        erase("--user=maya-1234")
    assert "maya-1234" in users()


@pytest.mark.parametrize(("answer", "left"), [("maya-1234", {"noah-5678"}), ("y", {"maya-1234", "noah-5678"})])
def test_on_a_terminal_the_name_must_be_typed(acme, monkeypatch, answer, left) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _prompt: answer)
    try:
        erase("--user=maya-1234")
    except CommandError as error:
        assert str(error) == "Nothing was erased."  # noqa: PT017 - one of both answers
    assert users() == left


@pytest.mark.parametrize(
    "options",
    [["--tenant=nobody", "--user=maya-1234"], ["--tenant=acme", "--user=x"], ["--tenant=acme", "--conversation=x"]],
)
def test_what_is_unknown_is_said(acme, options) -> None:
    with pytest.raises(CommandError, match="There is no"):
        printed("erase", *options, "--yes")


def test_a_hold_is_said(acme) -> None:
    Hold.objects.create(tenant=acme.tenant)
    with pytest.raises(CommandError, match="legal hold"):
        erase("--user=maya-1234", "--yes")


def test_without_redis_nothing_is_changed(acme, settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    before = every_row()
    with pytest.raises(CommandError, match="Redis does not answer"):
        erase("--user=maya-1234", "--yes")
    assert every_row() == before


def test_what_is_left_is_said_after_the_receipt(acme) -> None:
    EndUser.objects.filter(pk=acme.noah.pk).update(metadata={"heard": SECRET})
    with pytest.raises(CommandError, match=r"text in tenants_enduser\.metadata"):
        erase("--user=maya-1234", "--yes")
    assert Receipt.objects.exists()


# --- verify_receipt ---------------------------------------------------------------------------------------------------


def test_a_receipt_that_was_printed_is_genuine(acme, tmp_path) -> None:
    file = tmp_path / "receipt.json"
    file.write_text(erase("--user=maya-1234", "--yes", "--json"))
    assert "genuine" in printed("verify_receipt", str(file))


def test_a_receipt_is_read_from_standard_input(acme, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(erase("--user=maya-1234", "--yes", "--json")))
    assert "genuine" in printed("verify_receipt", "-")


def test_a_tampered_receipt_is_found_out(acme, tmp_path) -> None:
    file = tmp_path / "receipt.json"
    receipt = json.loads(erase("--user=maya-1234", "--yes", "--json"))
    file.write_text(json.dumps(receipt | {"counts": {}}))
    with pytest.raises(CommandError, match="not signed here"):
        printed("verify_receipt", str(file))


@pytest.mark.parametrize("text", ["", "nonsense", "[]"])
def test_what_is_no_receipt_is_said(tmp_path, text) -> None:
    file = tmp_path / "receipt.json"
    file.write_text(text)
    with pytest.raises(CommandError):
        printed("verify_receipt", str(file))
