"""What an erasure does to facts: a person's go, and of a conversation those that were told nowhere else."""

import pytest
from django.utils import timezone

from memories.models import Conversation, Fact, FactSource, FactVector, Job, Profile, Reading
from memories.tests.facts.flows import current, ingest, work_off_all
from retention.erasure.erase import erase
from retention.erasure.subjects import find
from tenants.isolation import tenant_scope
from tenants.models import EndUser
from tenants.tests.factories import EndUserFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(tenant) -> EndUser:
    """Who said one thing in session a, another in b, and a third in both."""
    user = EndUserFactory.create(tenant=tenant)
    for session, content in [("a", "I live in Austin."), ("b", "I like chess."), ("a", "I like tea.")]:
        ingest(user, content, session=session)
        work_off_all()
    ingest(user, "I like tea.", session="b")
    work_off_all()
    Profile.objects.create(tenant=tenant, end_user=user, summary="Lives in Austin.", updated_at=timezone.now())
    return user


def erased(user, kind: str, name: str) -> dict[str, int]:
    with tenant_scope(user.tenant):
        subject = find(user.tenant, kind, name)
    with plain_login():
        receipt = erase(subject)
    assert receipt.proof["found"] == []
    return dict(receipt.counts)


def test_with_a_person_goes_all_that_is_known_of_them(user):
    bystander = EndUserFactory.create(tenant=user.tenant)
    ingest(bystander, "I live in Berlin.", session="theirs")
    work_off_all()
    counts = erased(user, "user", user.external_id)
    assert (counts["facts"], counts["fact_sources"], counts["fact_vectors"]) == (3, 4, 3)
    assert (counts["jobs"], counts["readings"], counts["profiles"]) == (4, 4, 1)
    assert current(bystander) == ["Lives in Berlin."]
    for model in (Fact, FactVector, FactSource, Job, Reading):
        assert model.objects.count() == 1


def test_with_a_conversation_go_facts_that_were_told_there_alone(user):
    counts = erased(user, "conversation", "a")
    assert counts["facts"] == 1
    assert current(user) == ["Likes chess.", "Likes tea."]
    assert not Conversation.objects.filter(external_id="a").exists()


def test_no_source_in_the_conversation_is_left(user):
    erased(user, "conversation", "a")
    assert FactSource.objects.count() == 2


def test_a_profile_that_may_tell_of_it_goes_too(user):
    erased(user, "conversation", "a")
    assert not Profile.objects.exists()


def test_what_was_replaced_by_a_fact_that_goes_stays_history(user):
    ingest(user, "I moved to Dallas.", session="c")
    work_off_all()
    erased(user, "conversation", "c")
    austin = Fact.objects.get(content="Lives in Austin.")
    assert (austin.standing, austin.replaced_by) == ("superseded", None)
