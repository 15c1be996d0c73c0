"""`manage.py restore`, `restore_from_cold` and `cold_files`."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from memories.models import Message
from memories.tests.factories import ConversationFactory
from retention import runs
from retention.models import Action, ColdFile, Policy, Rule, Run
from retention.tests.factories import aged
from tenants.models import Tenant
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def command(*arguments: object, terminal: bool = False) -> str:
    out = Terminal() if terminal else io.StringIO()
    with plain_login():
        call_command(*map(str, arguments), stdout=out)
    return out.getvalue()


def refused(*arguments: object) -> str:
    with pytest.raises(CommandError) as refusal:
        command(*arguments)
    return str(refusal.value)


def executed(tenant: Tenant) -> Run:
    with plain_login():
        run = runs.begin(tenant, trigger=Run.Trigger.COMMAND, dry_run=False)
        runs.execute(run)
    return run


# --- restore ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def archived(tenant) -> list[Message]:
    talk = ConversationFactory.create(tenant=tenant, external_id="talk")
    return [aged(40, conversation=talk, archived_at=timezone.now()) for _ in range(3)]


def live() -> int:
    return Message.objects.live().count()


def test_messages_are_restored_by_their_ids(tenant, archived) -> None:
    done = command("restore", "--tenant", tenant, "--message", archived[0].pk, archived[1].pk)
    assert (done, live()) == ("2 messages restored.\n", 2)


def test_a_conversation_is_restored(tenant, archived) -> None:
    assert command("restore", "--tenant", tenant, "--conversation", "talk") == "3 messages restored.\n"


def test_a_run_is_restored(tenant, archived) -> None:
    aged(40, conversation=archived[0].conversation)
    run = executed(tenant)
    assert command("restore", "--tenant", tenant, "--run", run.pk) == "1 messages restored.\n"


@pytest.mark.parametrize(("since", "until", "count"), [("2020-01-01", None, 3), (None, "2020-01-01T00:00:00Z", 0)])
def test_a_time_is_restored(tenant, archived, since: str | None, until: str | None, count: int) -> None:
    limits = ["--since", since] if since else ["--until", until]
    assert command("restore", "--tenant", tenant, *limits) == f"{count} messages restored.\n"


def test_a_dry_run_restores_nothing(tenant, archived) -> None:
    said = command("restore", "--tenant", tenant, "--conversation", "talk", "--dry-run")
    assert (said, live()) == ("3 archived messages would be restored.\n", 0)


def test_a_terminal_sees_a_bar(tenant, archived) -> None:
    assert "Restoring" in command("restore", "--tenant", tenant, "--conversation", "talk", terminal=True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Give one of"),
        (["--conversation", "talk", "--since", "2020-01-01"], "Give one of"),
        (["--message", "no-uuid"], "invalid UUID"),
        (["--since", "yesterday"], "expected a time"),
        (["--run", "00000000-0000-0000-0000-000000000000"], "no retention run 0000"),
    ],
)
def test_what_restore_cannot_do_it_says(tenant, archived, arguments: list[str], complaint: str) -> None:
    assert complaint in refused("restore", "--tenant", tenant, *arguments)
    assert live() == 0


@pytest.mark.parametrize("name", ["restore", "restore_from_cold", "cold_files"])
def test_an_unknown_tenant_is_named(name: str) -> None:
    arguments = {"restore": ["--conversation", "c"], "restore_from_cold": ["--all"], "cold_files": []}[name]
    assert refused(name, "--tenant", "nobody", *arguments) == 'There is no tenant "nobody".'


# --- Cold storage -----------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tenant) -> list[ColdFile]:
    """Two, of two runs, of two messages each."""
    return [*moved(tenant), *moved(tenant)]


def moved(tenant: Tenant) -> Iterator[ColdFile]:
    Policy.objects.get_or_create(tenant=tenant)
    Rule.objects.get_or_create(
        tenant=tenant, name="cold", rule_type="age", action=Action.COLD, conditions={"max_age_days": 30}
    )
    talk = ConversationFactory.create(tenant=tenant)
    for days in (40, 50):
        aged(days, conversation=talk)
    yield from executed(tenant).cold_files.all()


def harm(file: ColdFile, folder: Path) -> None:
    (folder / file.path).write_bytes(b"harmed")


def test_all_files_are_restored(tenant, files) -> None:
    assert "4 messages restored from 2 files, 0 skipped." in command("restore_from_cold", "--tenant", tenant, "--all")
    assert live() == 4


def test_files_are_restored_once(tenant, files) -> None:
    command("restore_from_cold", "--tenant", tenant, files[0].pk)
    assert "2 messages restored from 1 files" in command("restore_from_cold", "--tenant", tenant, "--all")


def test_a_run_is_restored_from_cold_storage(tenant, files) -> None:
    said = command("restore_from_cold", "--tenant", tenant, "--run", files[1].run_id)
    assert "2 messages restored from 1 files" in said
    assert live() == 2


def test_a_dry_run_restores_nothing_from_cold_storage(tenant, files) -> None:
    said = command("restore_from_cold", "--tenant", tenant, "--all", "--dry-run")
    assert "4 messages would be restored from 2 files" in said
    assert live() == 0


def test_a_bad_file_does_not_keep_the_others(tenant, files, cold_storage: Path) -> None:
    harm(files[0], cold_storage)
    assert refused("restore_from_cold", "--tenant", tenant, "--all").startswith("1 of 2 files cannot be restored")
    assert live() == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Give ids of files, --run or --all."),
        (["--all", "--run", "00000000-0000-0000-0000-000000000000"], "Give ids of files, --run or --all."),
        (["00000000-0000-0000-0000-000000000000"], "no cold file 0000"),
        (["--run", "00000000-0000-0000-0000-000000000000"], "no cold files of the run 0000"),
    ],
    ids=["none", "two", "file", "run"],
)
def test_what_restore_from_cold_cannot_do_it_says(tenant, files, arguments: list[str], complaint: str) -> None:
    assert complaint in refused("restore_from_cold", "--tenant", tenant, *arguments)


def test_another_tenants_file_is_unknown(files) -> None:
    assert "no cold file" in refused("restore_from_cold", "--tenant", TenantFactory.create(), files[0].pk)


def test_files_are_listed(tenant, files) -> None:
    said = command("cold_files", "--tenant", tenant)
    assert all(str(file.pk) in said for file in files)
    assert "Sound" not in said


def test_sound_files_are_found_sound(tenant, files) -> None:
    said = command("cold_files", "--tenant", tenant, "--verify")
    assert (said.count(" yes "), said.count(" no ")) == (2, 0)


def test_a_file_that_is_not_sound_fails_the_command(tenant, files, cold_storage: Path) -> None:
    harm(files[1], cold_storage)
    assert refused("cold_files", "--tenant", tenant, "--verify") == "1 of 2 files are not what was written."
