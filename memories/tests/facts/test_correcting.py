import pytest

from memories.facts import correcting
from memories.models import Fact, FactVector, Job, Profile
from memories.tests.facts.flows import current
from memories.tests.facts.statements import NOW, day, said
from memories.tests.facts.test_store import hear
from memories.vocabulary import Slot
from tenants.isolation import tenant_scope
from tenants.tests.factories import EndUserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(tenant):
    return EndUserFactory.create(tenant=tenant)


@pytest.fixture
def fact(user) -> Fact:
    hear(user, said("Lives in Huston.", Slot.LOCATION, on=1, confidence=0.8))
    return Fact.objects.select_related("end_user").get()


def correct(fact: Fact, **changes) -> Fact:
    with tenant_scope(fact.tenant):
        return correcting.correct(fact, changes, now=NOW)


def remove(fact: Fact) -> None:
    with tenant_scope(fact.tenant):
        correcting.remove(fact, now=NOW)


def test_a_correction_keeps_the_id_and_is_sure(user, fact):
    corrected = correct(fact, content="Lives in Houston.")
    assert corrected.pk == fact.pk
    assert current(user) == ["Lives in Houston."]
    corrected.refresh_from_db()
    assert (corrected.confidence, corrected.last_refreshed_at, corrected.said_at) == (1.0, NOW, day(1))


def test_the_vector_of_the_wrong_wording_goes(user, fact):
    correct(fact, content="Lives in Houston.")
    assert not FactVector.objects.filter(fact=fact).exists()


def test_a_change_of_other_fields_keeps_the_vector(user, fact):
    correct(fact, category="relationship", valid_until=None)
    assert FactVector.objects.filter(fact=fact).exists()
    assert Fact.objects.count() == 1


def test_the_same_message_does_not_bring_the_wrong_wording_back(user, fact):
    correct(fact, content="Lives in Houston.")
    assert hear(user, said("Lives in Huston.", Slot.LOCATION, on=1, confidence=0.8)) == {"ignored": 1}
    assert current(user) == ["Lives in Houston."]


def test_what_was_wrong_then_can_become_true_later(user, fact):
    correct(fact, content="Lives in Houston.")
    assert hear(user, said("Lives in Huston.", Slot.LOCATION, on=400, confidence=0.9), now=day(500)) == {
        "superseding": 1
    }


def test_the_wrong_wording_stands_on_no_timeline(user, fact):
    correct(fact, content="Lives in Houston.")
    assert [one.content for one in Fact.objects.told()] == ["Lives in Houston."]


def test_what_a_correction_moves_into_a_taken_slot_supersedes_what_held_it(user, fact):
    hear(user, said("Works in Dallas.", Slot.TOPIC, on=2))
    moved = Fact.objects.get(slot="topic")
    correct(moved, slot="location", content="Lives in Dallas.")
    fact.refresh_from_db()
    assert (fact.standing, fact.replaced_by, fact.valid_until) == ("superseded", moved, NOW)
    assert current(user) == ["Lives in Dallas."]


def test_a_removed_fact_is_gone_and_does_not_come_back(user, fact):
    remove(fact)
    assert current(user) == []
    for on in (1, 300):
        assert hear(user, said("Lives in Huston.", Slot.LOCATION, on=on)) == {"ignored": 1}
    assert current(user) == []


def test_removing_takes_other_wordings_of_the_same_along(user, fact):
    correct(fact, content="Lives in Houston.")
    remove(fact)
    assert set(Fact.objects.values_list("standing", flat=True)) == {"removed"}
    assert hear(user, said("Lives in Huston.", Slot.LOCATION, on=300)) == {"ignored": 1}


@pytest.mark.parametrize("act", [remove, lambda fact: correct(fact, content="Lives in Houston.")])
def test_a_profile_that_may_tell_of_it_goes_and_is_written_anew(user, fact, act):
    Profile.objects.create(tenant=user.tenant, end_user=user, summary="Lives in Huston.", updated_at=day(2))
    act(fact)
    assert not Profile.objects.exists()
    assert Job.objects.get().kind == "consolidate"


def test_what_was_removed_cannot_be_corrected(user, fact):
    remove(fact)
    with pytest.raises(Fact.DoesNotExist):
        correct(fact, content="Lives in Houston.")
