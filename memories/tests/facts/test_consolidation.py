from datetime import timedelta

import pytest
from django.utils import timezone

from memories.facts import consolidation, jobs, working
from memories.models import Fact, FactVector, Job, Profile
from memories.providers.base import ProviderRejected
from memories.tests.factories import FactFactory
from memories.tests.facts.flows import PROVIDER, WillfulReader, current, failing, ingest, work_off_all
from memories.tests.facts.statements import day, said
from memories.tests.facts.test_store import hear
from memories.vocabulary import Slot
from tenants.isolation import tenant_scope
from tenants.tests.factories import EndUserFactory

pytestmark = pytest.mark.django_db
MODEL = "mock:mock:64"


@pytest.fixture
def user(tenant):
    return EndUserFactory.create(tenant=tenant)


def alike(*facts: Fact) -> None:
    """Give these facts one vector."""
    FactVector.objects.filter(fact__in=facts).delete()
    vector = PROVIDER.embed_documents(["one meaning"])[0]
    FactVector.objects.bulk_create(
        FactVector(tenant=fact.tenant, fact=fact, model=MODEL, vector=vector) for fact in facts
    )


def merge(user) -> int:
    with tenant_scope(user.tenant):
        return consolidation.merge_duplicates(user, model=MODEL)


@pytest.fixture
def two(user):
    hear(user, said("Likes sushi.", Slot.FOOD, on=1, confidence=0.7), said("Is fond of sushi.", Slot.FOOD, on=5))
    facts = list(Fact.objects.order_by("said_at"))
    alike(*facts)
    return facts


def test_facts_that_say_the_same_become_one_with_the_sources_of_both(user, two):
    assert merge(user) == 1
    first, second = Fact.objects.order_by("said_at", "standing")
    assert {first.standing, second.standing} == {"holds", "merged"}
    survivor = Fact.objects.get(standing="holds")
    assert survivor.sources.count() == 2
    assert (survivor.confidence, survivor.said_at, survivor.last_refreshed_at) == (0.9, day(1), day(5))
    assert Fact.objects.get(standing="merged").replaced_by == survivor


def test_merging_again_changes_nothing(user, two):
    merge(user)
    before = list(Fact.objects.order_by("pk").values())
    assert merge(user) == 0
    assert list(Fact.objects.order_by("pk").values()) == before


def test_a_merged_wording_that_is_said_again_refreshes_the_survivor(user, two):
    merge(user)
    gone = Fact.objects.get(standing="merged")
    assert hear(user, said(gone.content, Slot.FOOD, on=20)) == {"refreshed": 1}
    assert Fact.objects.get(standing="holds").last_refreshed_at == day(20)


@pytest.mark.parametrize("other", [{"slot": "hobby"}, {"temporal_state": "past"}, {"content": "Does not like sushi."}])
def test_what_differs_in_slot_time_or_details_is_not_merged(user, other):
    values = {"slot": "food", "content": "Likes sushi."}
    alike(FactFactory.create(end_user=user, **values), FactFactory.create(end_user=user, **values | other))
    assert merge(user) == 0


def test_equal_words_are_merged_without_vectors(user):
    for content in ("Likes sushi.", "likes  SUSHI"):
        FactFactory.create(end_user=user, slot="food", content=content)
    assert merge(user) == 1


def test_facts_of_others_stay_apart(user):
    for owner in (user, EndUserFactory.create(tenant=user.tenant)):
        FactFactory.create(end_user=owner, content="Likes sushi.")
    assert merge(user) == 0


def test_a_consolidation_writes_the_profile_and_chooses_essentials(user):
    ingest(user, "I live in Austin.")
    work_off_all()
    Fact.objects.update(is_essential=False)
    job = jobs.queue_consolidation(user)
    work_off_all()
    profile = Profile.objects.get()
    assert (profile.summary, profile.key_traits) == ("Lives in Austin.", ["Lives in Austin."])
    assert profile.written_by == "willful:1"
    assert Fact.objects.get().is_essential
    job.refresh_from_db()
    assert job.result == {"merged": 0, "facts": 1}


def test_a_fact_that_is_removed_while_the_profile_is_written_is_not_told(user):
    ingest(user, "I live in Austin.")
    work_off_all()
    job = jobs.queue_consolidation(user)
    removing = WillfulReader(lambda turns: Fact.objects.update(standing="removed"))
    working.work_off(reader=removing, provider_for=lambda _: PROVIDER, only=[job.pk])
    job.refresh_from_db()
    assert (job.status, Profile.objects.exists()) == ("queued", False)
    work_off_all()
    assert Profile.objects.get().summary == ""


def test_nobody_of_whom_nothing_is_known_costs_a_token(user):
    jobs.queue_consolidation(user)
    work_off_all(failing(AssertionError("asked")))
    assert Profile.objects.get().summary == ""


def test_a_refusal_fails_the_job_and_keeps_the_profile(user):
    ingest(user, "I live in Austin.")
    work_off_all()
    Profile.objects.create(tenant=user.tenant, end_user=user, summary="as it was", updated_at=day(1))
    job = jobs.queue_consolidation(user)
    work_off_all(failing(ProviderRejected("no")))
    job.refresh_from_db()
    assert (job.status, Profile.objects.get().summary) == ("failed", "as it was")


def test_a_second_request_joins_the_job_that_waits(user):
    assert jobs.queue_consolidation(user) == jobs.queue_consolidation(user)


def test_only_those_of_whom_something_new_is_known_are_consolidated_by_schedule(user, tenant):
    EndUserFactory.create(tenant=tenant)
    known, waiting = (EndUserFactory.create(tenant=tenant) for _ in range(2))
    for one in (user, known, waiting):
        FactFactory.create(end_user=one)
    Profile.objects.create(tenant=tenant, end_user=known, updated_at=timezone.now() + timedelta(minutes=1))
    jobs.queue_consolidation(waiting)
    assert consolidation.queue_stale() == 1
    assert set(Job.objects.values_list("end_user", flat=True)) == {user.pk, waiting.pk}
    assert consolidation.queue_stale() == 0


def test_what_waits_is_worked_off_by_kind(user):
    ingest(user, "I live in Austin.")
    jobs.queue_consolidation(user)
    work_off_all(WillfulReader())
    assert current(user) == ["Lives in Austin."]
    assert Profile.objects.exists()
