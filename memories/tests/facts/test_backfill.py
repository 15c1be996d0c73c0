from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from memories.facts import backfill
from memories.facts.jobs import TURNS_MAX
from memories.ingest import NewMessage, store
from memories.models import Job, Reading, TokenSpend
from memories.tests.facts.flows import current, ingest, work_off_all
from memories.vocabulary import Standing
from tenants.models import EndUser
from tenants.tests.factories import EndUserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def history(tenant):
    """Messages that were imported: of two people in three sessions, and of nobody."""
    said = [
        ("a", "ada", "I live in Austin."),
        ("b", "ada", "I like tea."),
        ("c", "bob", "I live in Berlin."),
        ("d", None, "I live nowhere."),
    ]
    store(tenant, [NewMessage(session, "user", content, user_id=who) for session, who, content in said])


def run(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def whose(tenant, name: str) -> EndUser:
    return EndUser.objects.select_related("tenant").get(tenant=tenant, external_id=name)


def test_stored_messages_are_read(tenant, history):
    said = run("extract_facts", "--tenant", tenant.slug)
    assert "3 messages of 2 end users in 3 sessions" in said
    assert "3 messages read, 3 new facts" in said
    assert current(whose(tenant, "ada")) == ["Lives in Austin.", "Likes tea."]
    assert current(whose(tenant, "bob")) == ["Lives in Berlin."]


def test_a_dry_run_counts_the_same_and_reads_nothing(tenant, history):
    said = run("extract_facts", "--tenant", tenant.slug, "--dry-run")
    assert "3 messages of 2 end users in 3 sessions" in said
    assert "about 11 tokens, to be read by rules:" in said
    assert not Job.objects.exists()


def test_what_was_read_is_not_read_again(tenant, history):
    run("extract_facts", "--tenant", tenant.slug)
    ingest(whose(tenant, "ada"), "I work at Acme.", session="a")
    work_off_all()
    assert "0 messages" in run("extract_facts", "--tenant", tenant.slug)
    assert Reading.objects.count() == 4


def test_one_person_alone_can_be_read(tenant, history):
    run("extract_facts", "--tenant", tenant.slug, "--user", "bob")
    assert current(whose(tenant, "ada")) == []
    assert current(whose(tenant, "bob")) == ["Lives in Berlin."]


def test_history_goes_to_its_place_in_the_timeline(tenant, history):
    """What the person said today does not give way to what was imported of earlier days."""
    ada = whose(tenant, "ada")
    ingest(ada, "I live in Dallas.", session="today")
    work_off_all()
    run("extract_facts", "--tenant", tenant.slug)
    assert "Lives in Dallas." in current(ada)
    assert ada.facts.get(content="Lives in Austin.").standing == Standing.SUPERSEDED


def test_long_sessions_are_read_in_parts(tenant):
    store(tenant, [NewMessage("long", "user", f"I like dish {n}.", user_id="ada") for n in range(TURNS_MAX + 1)])
    queued = list(backfill.queue_unread(tenant))
    assert [len(jobs) for jobs in queued] == [2]


def test_what_was_queued_and_left_is_worked_off_by_workers_later(tenant, history):
    list(backfill.queue_unread(tenant))
    assert Job.objects.due().count() == 0
    work_off_all()
    assert current(whose(tenant, "bob")) == ["Lives in Berlin."]


def test_jobs_that_are_not_done_are_an_error(tenant, history, settings):
    settings.MEMORY_LLM_DAILY_TOKEN_BUDGET = 1

    TokenSpend.objects.create(tenant=tenant, day=timezone.now().date(), model="m", input_tokens=5)
    with pytest.raises(CommandError, match=r"3 of 3 jobs are not done: .*budget"):
        run("extract_facts", "--tenant", tenant.slug)


@pytest.mark.parametrize("arguments", [["--tenant", "nobody"], ["--tenant", "{slug}", "--user", "nobody"]])
@pytest.mark.parametrize("command", ["extract_facts", "consolidate_facts"])
def test_unknown_names_are_refused(tenant, command, arguments):
    with pytest.raises(CommandError, match=r'There is no (tenant|end user) "nobody"'):
        run(command, *(one.format(slug=tenant.slug) for one in arguments))


def test_consolidation_by_command_writes_everybodys_profile(tenant, history):
    EndUserFactory.create(tenant=tenant)
    run("extract_facts", "--tenant", tenant.slug)
    assert "2 of 2 end users consolidated, 0 duplicates merged" in run("consolidate_facts", "--tenant", tenant.slug)
    assert "Lives in Berlin." in whose(tenant, "bob").profile.summary
