from datetime import timedelta

import pytest
from django.utils import timezone

from memories.facts import extraction, spend, working
from memories.facts.jobs import TURNS_MAX
from memories.facts.spend import BudgetSpent
from memories.facts.working import FLOWS
from memories.fencing import fenced
from memories.ingest import NewMessage, Taken, ingest_turn, store
from memories.jobs import claims
from memories.models import Conversation, Fact, FactSource, Job, Message, MessageEmbedding, Reading, TokenSpend
from memories.providers.base import ProviderRejected, ProviderUnavailable
from memories.tests.facts.flows import PROVIDER, USAGE, WillfulReader, current, failing, ingest, work_off_all
from tenants.tests.factories import EndUserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(tenant):
    return EndUserFactory.create(tenant=tenant)


# --- Ingest -------------------------------------------------------------------------------------------------------


def test_an_ingested_turn_is_a_message_like_any_other_with_a_job_that_reads_it(user):
    done = ingest(user, "I live in Austin.")
    message = Message.objects.get()
    assert (done.message, message.end_user, message.conversation.end_user) == (message, user, user)
    assert MessageEmbedding.objects.get().message == message
    assert done.job == Job.objects.get()
    assert (done.job.kind, done.job.status, done.job.end_user) == ("extract", "queued", user)
    assert Reading.objects.get().message == message


def test_turns_of_a_session_wait_together_for_its_pause(user, settings):
    settings.MEMORY_EXTRACTION_DEBOUNCE_SECONDS = 60
    first, second = ingest(user, "I live in Austin."), ingest(user, "I like tea.")
    assert first.job == second.job
    due_at = Job.objects.get().due_at
    assert timedelta(seconds=50) < due_at - timezone.now() < timedelta(seconds=61)


def test_a_session_that_never_pauses_is_read_all_the_same(user, settings):
    settings.MEMORY_EXTRACTION_DEBOUNCE_SECONDS = 60
    job = ingest(user, "I live in Austin.").job
    Job.objects.update(created_at=timezone.now() - timedelta(seconds=595))
    ingest(user, "I like tea.")
    job.refresh_from_db()
    assert job.due_at - timezone.now() < timedelta(seconds=61)
    Job.objects.update(created_at=timezone.now() - timedelta(hours=1), due_at=timezone.now())
    ingest(user, "I like coffee.")
    job.refresh_from_db()
    assert job.due_at <= timezone.now()


def test_a_job_that_waits_for_tomorrow_is_not_called_back_by_a_new_turn(user):
    ingest(user, "I live in Austin.")
    tomorrow = timezone.now() + timedelta(days=1)
    Job.objects.update(due_at=tomorrow)
    ingest(user, "I like tea.")
    assert Job.objects.get().due_at == tomorrow


def test_a_full_job_makes_room_for_another(user):
    for n in range(TURNS_MAX + 1):
        ingest(user, f"I like dish {n}.")
    assert sorted(job.readings.count() for job in Job.objects.all()) == [1, TURNS_MAX]


def test_sessions_have_jobs_of_their_own(user):
    assert ingest(user, "I live in Austin.", session="a").job != ingest(user, "I like tea.", session="b").job


def test_a_repeat_of_an_external_id_is_not_read_twice(user):
    turn = NewMessage("s1", "user", "I live in Austin.", user_id=str(user.pk), external_id="x")
    first, again = ingest_turn(user.tenant, turn), ingest_turn(user.tenant, turn)
    assert (again.message.pk, again.job) == (first.message.pk, first.job)
    assert Reading.objects.count() == 1


def test_a_session_of_somebody_else_is_refused_and_nothing_is_stored(user):
    ingest(user, "I live in Austin.")
    with pytest.raises(Taken, match="session_id"):
        ingest(EndUserFactory.create(tenant=user.tenant), "I live in Dallas.")
    assert Message.objects.count() == 1


def test_a_conversation_of_nobody_becomes_that_of_whom_it_is_first_read_about(user):
    Conversation.objects.create(tenant=user.tenant, external_id="s1")
    ingest(user, "I live in Austin.")
    assert Conversation.objects.get().end_user == user


# --- Extraction ---------------------------------------------------------------------------------------------------


def test_what_a_turn_states_becomes_a_fact_that_cites_it(user):
    message = ingest(user, "I live in Austin, Texas now.").message
    work_off_all()
    fact = Fact.objects.get()
    assert fact.content == "Lives in Austin, Texas."
    assert fact.read_by == "willful:1"
    assert FactSource.objects.get().message_id == message.pk


def test_a_job_says_what_came_of_it(user):
    job = ingest(user, "I live in Austin, Texas now.").job
    work_off_all()
    job.refresh_from_db()
    assert (job.status, job.error, job.claim, job.progress) == ("succeeded", "", None, 1.0)
    assert job.result == {"turns": 1, "facts": {"inserted": 1}}
    assert job.finished_at


def test_moving_supersedes_and_the_timeline_keeps_both(user):
    ingest(user, "I live in Austin, Texas now.")
    work_off_all()
    ingest(user, "I moved to Dallas.")
    work_off_all()
    assert current(user) == ["Lives in Dallas."]
    assert Fact.objects.count() == 2


def test_each_turn_is_read_once(user):
    reader = WillfulReader()
    for content in ("I live in Austin.", "I like tea."):
        ingest(user, content)
        work_off_all(reader)
    read = [turn.content for turns in reader.seen for turn in turns if not turn.is_context]
    assert read == ["I live in Austin.", "I like tea."]


def test_earlier_turns_of_the_session_are_context_five_at_the_most(user):
    start = timezone.now() - timedelta(hours=1)
    for n in range(7):
        ingest(user, f"Good morning {n}.", role="assistant" if n % 2 else "user", at=start + timedelta(minutes=n))
    work_off_all()
    ingest(user, "In another session.", session="s2")
    ingest(user, "I like tea.")
    reader = WillfulReader()
    work_off_all(reader)
    turns = next(turns for turns in reader.seen if turns[-1].content == "I like tea.")
    assert [turn.content for turn in turns if turn.is_context] == [f"Good morning {n}." for n in range(2, 7)]


def test_other_peoples_turns_are_no_context(user):
    other = EndUserFactory.create(tenant=user.tenant)
    new = [NewMessage("s1", "user", "Good evening.", user_id=str(other.pk)), NewMessage("s1", "tool", "22 degrees")]
    store(user.tenant, new)
    Conversation.objects.update(end_user=user)
    ingest(user, "I like tea.")
    reader = WillfulReader()
    work_off_all(reader)
    assert [turn.content for turn in reader.seen[0]] == ["22 degrees", "I like tea."]


def test_words_of_the_assistant_alone_are_not_worth_a_reading(user):
    job = ingest(user, "You live in Austin.", role="assistant").job
    reader = WillfulReader()
    work_off_all(reader)
    job.refresh_from_db()
    assert (reader.seen, job.status) == ([], "succeeded")


def test_what_was_recalled_for_a_turn_is_not_what_the_person_said(user):
    ingest(user, fenced("I live in Austin.\nI like tea.") + "\nI like coffee.")
    work_off_all()
    assert current(user) == ["Likes coffee."]


def test_a_deleted_message_is_not_read(user):
    job = ingest(user, "I live in Austin.").job
    Message.objects.all().delete()
    work_off_all()
    job.refresh_from_db()
    assert (job.status, job.result["turns"]) == ("succeeded", 0)


def test_a_reading_again_by_hand_changes_nothing(user):
    ingest(user, "I live in Austin.")
    work_off_all()
    before = list(Fact.objects.values())
    Job.objects.update(status="failed")
    Job.objects.all().retry()
    work_off_all()
    assert list(Fact.objects.values()) == before


# --- What goes wrong ----------------------------------------------------------------------------------------------


def test_an_outage_postpones_the_job_as_long_as_the_vendor_asked(user):
    job = ingest(user, "I live in Austin.").job
    working.work_off(
        reader=failing(ProviderUnavailable("busy", retry_after=300)), provider_for=lambda _: PROVIDER, only=[job.pk]
    )
    job.refresh_from_db()
    assert (job.status, job.error, job.attempts) == ("queued", "busy", 1)
    assert job.due_at - timezone.now() > timedelta(seconds=290)


def test_outages_without_end_fail_the_job(user):
    job = ingest(user, "I live in Austin.").job
    work_off_all(failing(ProviderUnavailable("busy")))
    job.refresh_from_db()
    assert (job.status, job.attempts) == ("failed", claims.MAX_ATTEMPTS)


def test_a_refusal_fails_the_job_where_people_see_it(user):
    job = ingest(user, "I live in Austin.").job
    work_off_all(failing(ProviderRejected("no such model")))
    job.refresh_from_db()
    assert (job.status, job.error, job.attempts) == ("failed", "no such model", 1)


def test_a_failed_job_is_done_when_it_is_tried_again(user):
    ingest(user, "I live in Austin.")
    work_off_all(failing(ProviderRejected("no such model")))
    assert Job.objects.all().retry() == 1
    work_off_all()
    assert current(user) == ["Lives in Austin."]


def test_an_error_of_ours_is_noted_without_its_words_and_tried_again(user, caplog):
    job = ingest(user, "I live in Austin.").job
    working.work_off(reader=failing(KeyError("I live in Austin.")), provider_for=lambda _: PROVIDER, only=[job.pk])
    job.refresh_from_db()
    assert job.status == "queued"
    assert "KeyError" in job.error
    assert "Austin" not in job.error + caplog.text


def test_a_worker_that_was_given_up_stores_nothing(user):
    job = ingest(user, "I live in Austin.").job

    def lose_the_claim(turns):
        Job.objects.update(claim="00000000-0000-0000-0000-000000000001")

    working.work_off(reader=WillfulReader(lose_the_claim), provider_for=lambda _: PROVIDER, only=[job.pk])
    job.refresh_from_db()
    assert (job.status, Fact.objects.count()) == ("running", 0)


def test_a_job_whose_worker_died_is_taken_up_again(user):
    job = ingest(user, "I live in Austin.").job
    claimed = claims.claim(FLOWS, only=[job.pk])
    assert claimed
    assert claimed.job == job
    assert claims.claim(FLOWS) is None
    Job.objects.update(due_at=timezone.now())
    assert working.work_off(reader=WillfulReader(), provider_for=lambda _: PROVIDER)
    assert current(user) == ["Lives in Austin."]


def test_a_job_that_stops_every_worker_is_given_up(user):
    job = ingest(user, "I live in Austin.").job
    Job.objects.update(status="running", claim=job.pk, attempts=claims.MAX_ATTEMPTS, due_at=timezone.now())
    assert claims.claim(FLOWS) is None
    job.refresh_from_db()
    assert job.status == "failed"
    assert "stopped" in job.error


# --- Tokens -------------------------------------------------------------------------------------------------------


def test_tokens_are_counted_by_tenant_day_and_model(user):
    for content in ("I live in Austin.", "I like tea."):
        ingest(user, content)
        work_off_all()
    spent = TokenSpend.objects.get()
    assert (spent.tenant, spent.day, spent.model) == (user.tenant, timezone.now().date(), "willful:1")
    assert (spent.calls, spent.input_tokens, spent.output_tokens, spent.cost) == (2, 200, 40, None)


def test_tokens_of_an_answer_that_was_no_use_are_counted_too(user):
    error = ProviderRejected("malformed")
    error.usage = USAGE
    ingest(user, "I live in Austin.")
    work_off_all(failing(error))
    assert TokenSpend.objects.get().input_tokens == 100


def test_beyond_the_budget_turns_are_stored_and_read_the_next_day(user, settings):
    settings.MEMORY_LLM_DAILY_TOKEN_BUDGET = 120
    ingest(user, "I live in Austin.")
    work_off_all()
    job = ingest(user, "I like tea.").job
    working.work_off(reader=WillfulReader(), provider_for=lambda _: PROVIDER, only=[job.pk])
    job.refresh_from_db()
    assert (job.status, job.attempts) == ("queued", 0)
    assert "budget" in job.error
    assert (job.due_at.hour, job.due_at.minute, job.due_at.date()) == (0, 0, timezone.now().date() + timedelta(days=1))
    TokenSpend.objects.update(day=timezone.now().date() - timedelta(days=1))
    work_off_all()
    assert "Likes tea." in current(user)


@pytest.mark.parametrize(("of_tenant", "is_spent"), [(None, True), (0, False), (1000, False), (50, True)])
def test_a_tenant_may_have_a_budget_of_its_own(user, settings, of_tenant, is_spent):
    settings.MEMORY_LLM_DAILY_TOKEN_BUDGET = 100
    user.tenant.daily_token_budget = of_tenant
    now = timezone.now()
    TokenSpend.objects.create(tenant=user.tenant, day=now.date(), model="m", input_tokens=60, output_tokens=40)
    if is_spent:
        with pytest.raises(BudgetSpent):
            spend.refuse_overspending(user.tenant, now=now)
    else:
        spend.refuse_overspending(user.tenant, now=now)


# --- Preview ------------------------------------------------------------------------------------------------------


def test_a_preview_says_what_a_text_would_change_and_changes_nothing(user):
    ingest(user, "I live in Austin.")
    work_off_all()
    before = list(Fact.objects.values())
    ledger = extraction.preview(
        "I moved to Dallas.", user, reader=WillfulReader(), provider=PROVIDER, now=timezone.now()
    )
    assert [type(decision).__name__ for decision in ledger.decisions] == ["Supersede"]
    assert list(Fact.objects.values()) == before
