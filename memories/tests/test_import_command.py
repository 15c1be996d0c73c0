"""`manage.py import_messages`, on the real database."""

import io
import json
import os
import sys
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from memories import ingest
from memories.jobs import claims, working
from memories.management import import_report, inline
from memories.models import Conversation, Job, Message, MessageEmbedding
from memories.tests.factories import JobFactory
from memories.tests.test_imports import locomo
from tenants.models import Tenant

pytestmark = pytest.mark.django_db


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Incident(io.RawIOBase):
    """A stream of `data` at whose end `happens` is called."""

    def __init__(self, data: bytes, happens: Callable[[], object]) -> None:
        self.rest, self.happens = io.BytesIO(data), happens

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        count = self.rest.readinto(buffer)
        if not count:
            self.happens()
        return count


def ctrl_c() -> None:
    raise KeyboardInterrupt


def server_ends_the_connection() -> None:
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def rows(count: int, **more) -> list[dict[str, object]]:
    return [{"conversation_id": f"c{n % 2}", "role": "user", "content": f"turn {n}", **more} for n in range(count)]


def jsonl(*lines) -> bytes:
    return "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines).encode()


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "messages.jsonl"
    file.write_bytes(jsonl(*rows(5)))
    return file


def run(path, *options: str, out: io.StringIO | None = None) -> str:
    out = out or io.StringIO()
    call_command("import_messages", str(path), *options, stdout=out)
    return out.getvalue()


def numbers(output: str) -> list[int]:
    """Read, stored, already there, refused: as the last table shows them."""
    line = next(line for line in output.splitlines() if line.startswith("│"))
    return [int(cell.replace(",", "")) for cell in line.split("│")[1:5]]


def test_messages_are_stored_and_queued(path):
    assert numbers(run(path, "--tenant", "acme")) == [5, 5, 0, 0]
    messages = Message.objects.filter(tenant__slug="acme")
    assert list(messages.order_by("pk").values_list("content", flat=True)) == [f"turn {n}" for n in range(5)]
    assert MessageEmbedding.objects.filter(message__in=messages).count() == 5
    assert set(Conversation.objects.values_list("external_id", flat=True)) == {"c0", "c1"}


def test_a_repeat_stores_nothing_twice(path):
    run(path, "--batch-size", "2")
    assert numbers(run(path)) == [5, 0, 5, 0]
    assert Message.objects.count() == 5


def test_a_file_that_grew_adds_what_is_new(path):
    run(path)
    path.write_bytes(jsonl(*rows(7)))
    assert numbers(run(path)) == [7, 2, 5, 0]


def test_an_id_given_twice_is_one_message(path):
    path.write_bytes(jsonl(*rows(3, external_id="same")))
    assert numbers(run(path)) == [3, 1, 2, 0]


def test_locomo_is_recognised(path):
    path.write_bytes(locomo())
    assert numbers(run(path)) == [3, 3, 0, 0]
    assert numbers(run(path)) == [3, 0, 3, 0]


def test_standard_input_is_read(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(jsonl(*rows(3))))))
    assert numbers(run("-")) == [3, 3, 0, 0]


def test_a_pipe_is_read():
    reader, writer = os.pipe()
    os.write(writer, jsonl(*rows(2)))
    os.close(writer)
    try:
        assert numbers(run(f"/dev/fd/{reader}")) == [2, 2, 0, 0]
    finally:
        os.close(reader)


# --- Refusals -----------------------------------------------------------------------------------------------------


def refused(path, *options: str) -> tuple[str, CommandError]:
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        run(path, *options, out=out)
    return out.getvalue(), caught.value


def test_broken_lines_are_shown_and_the_others_stored(path):
    path.write_bytes(jsonl(*rows(2), "[red]", *rows(1, role="boss")))
    output, error = refused(path)
    assert numbers(output) == [4, 2, 0, 2]
    assert "parse_error" in output
    assert "Expected one of user" in output
    assert (error.returncode, str(error)) == (1, "2 of 4 messages were refused; the others are taken.")


def test_a_long_list_of_refusals_is_cut_short_on_screen_only(path, tmp_path):
    path.write_bytes(jsonl(*["[]"] * 30, *rows(1)))
    output, _ = refused(path, "--format", "jsonl", "--errors", str(tmp_path / "errors.jsonl"))
    assert "The first 20 of 30 refused" in output
    assert output.count("Expected a dictionary") == 20
    errors = [json.loads(line) for line in (tmp_path / "errors.jsonl").read_text().splitlines()]
    assert [error["position"] for error in errors] == list(range(1, 31))
    assert errors[0].keys() == {"position", "code", "detail", "attr"}


def test_the_errors_do_not_overwrite_the_file(path):
    before = path.read_bytes()
    _, error = refused(path, "--errors", str(path))
    assert "overwrite" in str(error)
    assert path.read_bytes() == before


def test_errors_that_cannot_be_written_are_said_before_anything_is_stored(path, tmp_path):
    _, error = refused(path, "--errors", str(tmp_path / "missing" / "errors"))
    assert "cannot be written: No such file" in str(error)
    assert not Message.objects.exists()


def test_a_missing_file_is_named(tmp_path):
    assert "cannot be read: No such file" in str(refused(tmp_path / "missing")[1])


def test_a_directory_is_no_file(tmp_path):
    assert "is a directory" in str(refused(tmp_path)[1])


def test_a_binary_file_is_refused(path):
    path.write_bytes(b"\x89PNG\0\0")
    assert "binary" in str(refused(path)[1])


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_file_without_a_message_is_an_error(path, content):
    path.write_bytes(content)
    assert refused(path)[1].returncode == 1


@pytest.mark.parametrize(
    "option", ["--tenant=a b", "--tenant=", "--batch-size=0", "--batch-size=many", "--format=xml", "--batch-size=5001"]
)
def test_a_senseless_option_is_refused(path, option):
    with pytest.raises(CommandError, match=option.split("=")[0]):
        run(path, option)


def test_an_unknown_tenant_is_an_error_where_none_is_created(path, settings):
    settings.MEMORY_AUTO_CREATE_TENANTS = False
    output, error = refused(path, "--tenant", "nobody")
    assert (output, str(error)) == ("", 'There is no tenant "nobody", and MEMORY_AUTO_CREATE_TENANTS is off.')


def test_a_known_tenant_is_taken_where_none_is_created(path, settings, tenant):
    settings.MEMORY_AUTO_CREATE_TENANTS = False
    run(path, "--tenant", tenant.slug)
    assert Message.objects.filter(tenant=tenant).count() == 5


# --- Dry run, interruption, progress ------------------------------------------------------------------------------


def test_a_dry_run_stores_nothing(path):
    assert numbers(run(path, "--dry-run", "--tenant", "acme")) == [5, 5, 0, 0]
    assert not Tenant.objects.filter(slug="acme").exists()
    assert not Message.objects.exists()


def test_a_dry_run_counts_as_the_run_after_it(path):
    run(path)
    path.write_bytes(jsonl(*rows(7), *rows(4, external_id="same")))
    planned = numbers(run(path, "--dry-run", "--batch-size", "2"))
    assert planned == numbers(run(path)) == [11, 3, 8, 0]


@pytest.fixture
def stdin(monkeypatch):
    def replace(data: bytes, *, then: Callable[[], object]) -> None:
        stream = io.TextIOWrapper(io.BufferedReader(Incident(data, then)))
        monkeypatch.setattr(sys, "stdin", stream)

    return replace


def test_an_interrupted_import_keeps_its_batches_and_continues(path, stdin):
    stdin(jsonl(*rows(5)), then=ctrl_c)
    output, error = refused("-", "--batch-size", "2")
    assert numbers(output) == [4, 4, 0, 0]
    assert (error.returncode, "again continues" in str(error)) == (130, True)
    assert numbers(run(path)) == [5, 1, 4, 0]


@pytest.mark.django_db(transaction=True)
def test_an_import_that_loses_the_database_says_how_to_go_on(path, stdin):
    stdin(jsonl(*rows(5)), then=server_ends_the_connection)
    output, error = refused("-", "--batch-size", "2")
    connection.close()
    assert numbers(output) == [4, 4, 0, 0]
    assert "The database failed" in str(error)
    assert "again continues" in str(error)
    assert numbers(run(path)) == [5, 1, 4, 0]


def test_a_terminal_shows_a_bar(path):
    assert "5 read, 5 stored" in run(path, out=Terminal())


def test_elsewhere_a_line_is_printed_now_and_then(path, monkeypatch):
    monkeypatch.setattr(import_report, "LINE_EVERY_SECONDS", 0.0)
    first, second, *_ = run(path, "--batch-size", "3").splitlines()
    assert first.startswith("3 read, 3 stored, 0 already there, 0 refused (")
    assert second == "5 read, 5 stored, 0 already there, 0 refused (100%)"


# --- Seen by operators ------------------------------------------------------------------------------------------------


def test_a_job_says_what_became_of_it(path):
    run(path)
    job = Job.objects.get()
    assert (job.kind, job.status, job.progress, job.asked) == ("import", "succeeded", 1.0, {})
    assert job.result == {"read": 5, "stored": 5, "standing": 0, "refused": 0}


def test_a_job_says_how_far_it_is(path, monkeypatch):
    seen = []
    report = claims.report

    def noted(claimed, **numbers) -> None:
        report(claimed, **numbers)
        seen.append(claimed.job.progress)

    monkeypatch.setattr(claims, "report", noted)
    run(path, "--batch-size", "2")
    assert seen == pytest.approx([0.4, 0.8, 1.0], abs=0.01)


def test_who_cancels_it_stops_it_after_its_batch(path, monkeypatch):
    report = claims.report

    def cancelled(claimed, **numbers) -> None:
        claims.cancel(Job.objects.all())
        report(claimed, **numbers)

    monkeypatch.setattr(claims, "report", cancelled)
    with pytest.raises(CommandError, match=r"Somebody cancelled it\. What was stored stays"):
        run(path, "--batch-size", "2")
    assert (Job.objects.get().status, Message.objects.count()) == ("cancelled", 2)


def test_a_dry_run_has_no_job(path):
    run(path, "--dry-run")
    assert not Job.objects.exists()


def test_what_broke_off_fails_the_job(path, monkeypatch):
    def fail(*_, **__) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(ingest, "store", fail)
    with pytest.raises(RuntimeError):
        run(path)
    job = Job.objects.get()
    assert (job.status, job.error) == ("failed", f"RuntimeError. {inline.AGAIN}")


def test_a_worker_leaves_it_to_its_command(path, tenant):
    JobFactory.create(tenant=tenant, end_user=None, kind="import", status="failed")
    Job.objects.all().retry()
    assert working.work_off()
    assert (Job.objects.get().status, "Run import_messages again" in Job.objects.get().error) == ("failed", True)
