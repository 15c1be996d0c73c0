"""Rows after statements were stored: what `supersession` decided, and nothing else."""

import uuid
from datetime import datetime

import pytest
from django.db import IntegrityError
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from memories.facts import store
from memories.facts.statements import Candidate
from memories.models import Fact, FactSource, FactVector
from memories.providers.base import ProviderUnavailable
from memories.providers.mock import MockProvider
from memories.tests.factories import FactFactory
from memories.tests.facts.statements import NOW, Store, day, message, said
from memories.tests.facts.test_supersession_invariants import batches
from memories.tests.helpers import WillfulProvider, raising
from memories.vocabulary import Slot
from tenants.isolation import tenant_scope
from tenants.models import EndUser
from tenants.tests.factories import EndUserFactory, TenantFactory

PROVIDER = MockProvider()


def hear(user: EndUser, *candidates: Candidate, provider=PROVIDER, now: datetime = NOW) -> dict[str, int]:
    statements = store.with_vectors(candidates, provider=provider)
    with tenant_scope(user.tenant):
        return store.store(statements, user, provider=provider, read_by="test:1", now=now)


def contents(user: EndUser) -> list[list[str]]:
    return [list(one) for one in Fact.objects.about(user).order_by("said_at", "pk").values_list("content", "standing")]


@pytest.fixture
def user(tenant) -> EndUser:
    return EndUserFactory.create(tenant=tenant)


@pytest.mark.django_db
def test_a_statement_becomes_a_fact_with_all_that_is_known_of_it(user):
    assert hear(user, said("Lives in Austin, Texas.", Slot.LOCATION, on=3, valid_from=day(1))) == {"inserted": 1}
    fact = Fact.objects.get()
    assert (fact.content, fact.slot, fact.category) == ("Lives in Austin, Texas.", "location", "biographical")
    assert (fact.said_at, fact.last_refreshed_at, fact.valid_from, fact.valid_until) == (day(3), day(3), day(1), None)
    assert (fact.confidence, fact.temporal_state, fact.standing) == (0.9, "current", "holds")
    assert (fact.end_user, fact.tenant, fact.read_by) == (user, user.tenant, "test:1")


@pytest.mark.django_db
def test_a_fact_cites_its_messages_and_has_a_vector(user):
    hear(user, said("Lives in Austin.", Slot.LOCATION, source=7))
    assert list(FactSource.objects.values_list("message_id", flat=True)) == [message(7)]
    vector = FactVector.objects.get()
    assert vector.model == "mock:mock:64"
    assert vector.vector == pytest.approx(PROVIDER.embed_documents(["Lives in Austin."])[0])


@pytest.mark.django_db
def test_a_successor_closes_the_row_it_replaces(user):
    hear(user, said("Lives in Austin.", Slot.LOCATION, on=1))
    assert hear(user, said("Lives in Dallas.", Slot.LOCATION, on=5)) == {"superseding": 1}
    old, new = Fact.objects.order_by("said_at")
    assert (old.standing, old.valid_until, old.replaced_by, old.is_essential) == ("superseded", day(5), new, False)
    assert (new.standing, new.valid_from, new.replaced_by) == ("holds", day(5), None)


@pytest.mark.django_db
def test_several_successors_at_once_leave_one_that_holds(user):
    cities = [said(f"Lives in {city}.", Slot.LOCATION, on=n) for n, city in enumerate(["Austin", "Dallas", "Waco"])]
    assert hear(user, *cities) == {"inserted": 1, "superseding": 2}
    assert contents(user) == [
        ["Lives in Austin.", "superseded"],
        ["Lives in Dallas.", "superseded"],
        ["Lives in Waco.", "holds"],
    ]


@pytest.mark.django_db
def test_the_same_statement_again_refreshes_the_row_and_adds_its_source(user):
    hear(user, said("Lives in Austin.", Slot.LOCATION, on=1, confidence=0.7))
    assert hear(user, said("Lives in Austin", Slot.LOCATION, on=4, confidence=0.8)) == {"refreshed": 1}
    fact = Fact.objects.get()
    assert (fact.confidence, fact.said_at, fact.last_refreshed_at) == (0.8, day(1), day(4))
    assert set(fact.sources.values_list("message_id", flat=True)) == {message(1), message(4)}


@pytest.mark.django_db
def test_statements_near_enough_in_meaning_are_one_fact(user):
    """All texts of this provider have one vector."""
    provider = MockProvider()
    alike = provider.embed_documents(["the same"])[0]
    provider.embed_documents = lambda texts: [alike for _ in texts]  # type: ignore[method-assign, assignment, return-value]
    hear(user, said("Likes sushi.", Slot.FOOD, on=1), provider=provider)
    assert hear(user, said("Is fond of sushi.", Slot.FOOD, on=2), provider=provider) == {"refreshed": 1}
    assert hear(user, said("Is fond of sushi.", Slot.HOBBY, on=2), provider=provider) == {"inserted": 1}


@pytest.mark.django_db
def test_a_negation_ends_a_fact(user):
    hear(user, said("Works at Acme.", Slot.EMPLOYER, on=1))
    left = said("No longer works at Acme.", Slot.EMPLOYER, on=9, temporal_state="past", negates="Works at Acme.")
    assert hear(user, left) == {"ended": 1}
    assert contents(user) == [["Works at Acme.", "ended"]]
    assert Fact.objects.get().valid_until == day(9)


@pytest.mark.django_db
def test_a_doubtful_successor_is_recorded_as_not_accepted(user):
    hear(user, said("Lives in Austin.", Slot.LOCATION, on=1, confidence=0.95))
    assert hear(user, said("Lives in Dallas.", Slot.LOCATION, on=2, confidence=0.6)) == {"not_accepted": 1}
    assert contents(user) == [["Lives in Austin.", "holds"], ["Lives in Dallas.", "not_accepted"]]


@pytest.mark.django_db
def test_what_a_person_removed_is_not_stored_again(user):
    hear(user, said("Lives in Austin.", Slot.LOCATION, on=1))
    Fact.objects.update(standing="removed")
    assert hear(user, said("Lives in Austin!", Slot.LOCATION, on=8)) == {"ignored": 1}


@pytest.mark.django_db
def test_facts_of_somebody_else_are_none_of_ones_business(user):
    hear(EndUserFactory.create(tenant=user.tenant), said("Lives in Austin.", Slot.LOCATION, on=1))
    assert hear(user, said("Lives in Dallas.", Slot.LOCATION, on=2)) == {"inserted": 1}
    assert Fact.objects.filter(standing="holds").count() == 2


@pytest.mark.django_db
def test_what_was_true_until_some_time_began_before_it_was_told(user):
    hear(user, said("Lived in Rome.", Slot.LOCATION, on=9, temporal_state="past", valid_until=day(2)))
    fact = Fact.objects.get()
    assert (fact.valid_from, fact.valid_until) == (day(2), day(2))


@pytest.mark.django_db
def test_without_the_provider_facts_are_stored_and_get_their_vectors_later(user):
    hear(user, said("Lives in Austin.", Slot.LOCATION), provider=raising(ProviderUnavailable("away")))
    assert not FactVector.objects.exists()
    assert len(store.embed_missing(Fact.objects.all(), provider=PROVIDER)) == 1
    assert FactVector.objects.get().fact == Fact.objects.get()
    assert store.embed_missing(Fact.objects.all(), provider=PROVIDER) == []


@pytest.mark.django_db
def test_a_vector_of_a_wording_that_was_corrected_meanwhile_is_not_kept(user):
    fact = FactFactory.create(end_user=user)
    correct = WillfulProvider(lambda texts: Fact.objects.filter(pk=fact.pk).update(content="Likes another dish."))
    store.embed_missing(Fact.objects.all(), provider=correct)
    assert not FactVector.objects.exists()


@pytest.mark.django_db
def test_what_storing_would_change_can_be_seen_beforehand(user):
    hear(user, said("Lives in Austin.", Slot.LOCATION, on=1))
    with tenant_scope(user.tenant):
        ledger = store.consider([said("Lives in Dallas.", Slot.LOCATION, on=2)], user, model="mock:mock:64", now=NOW)
    assert [fact.content for fact in ledger.afterwards().values() if fact.is_current] == ["Lives in Dallas."]
    assert contents(user) == [["Lives in Austin.", "holds"]]


@pytest.mark.django_db
def test_the_database_refuses_a_second_current_fact_of_a_single_slot(user):
    FactFactory.create(end_user=user, slot="location")
    with pytest.raises(IntegrityError, match="one_current_fact_of_a_single_slot"):
        FactFactory.create(end_user=user, slot="location")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "other",
    [
        {"slot": "food"},
        {"slot": None},
        {"slot": "location", "temporal_state": "past"},
        {"slot": "location", "standing": "superseded"},
    ],
    ids=["several values", "no slot", "past", "superseded"],
)
def test_the_database_takes_other_facts_beside_a_current_one(user, other):
    for values in ({"slot": other["slot"]}, other):
        FactFactory.create(end_user=user, **values)
    assert Fact.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"category": "gossip"}, "fact_speaks_our_words"),
        ({"slot": "shoe_size"}, "fact_speaks_our_words"),
        ({"standing": "lost"}, "fact_speaks_our_words"),
        ({"temporal_state": "never"}, "fact_speaks_our_words"),
        ({"confidence": 1.2}, "fact_confidence_is_a_share"),
        ({"valid_from": day(3), "valid_until": day(2)}, "fact_ends_after_it_begins"),
    ],
)
def test_the_database_refuses_facts_that_cannot_be(user, values, constraint):
    with pytest.raises(IntegrityError, match=constraint):
        FactFactory.create(end_user=user, **values)


class RowsAndDecisions(TestCase):
    """The rows are what the same statements make of a person in memory, by an applier of its own."""

    @settings(max_examples=40)
    @given(st.lists(st.one_of(batches, st.integers(0, 20)), min_size=1, max_size=6))
    def test_rows_are_what_was_decided(self, steps):
        user = EndUserFactory.create(tenant=TenantFactory.create(slug=f"t{uuid.uuid4().hex}"))
        memory = Store()
        for step in steps:
            if isinstance(step, int):
                _remove(user, memory, step)
            else:
                hear(user, *step)
                memory.hear(*store.with_vectors(step, provider=PROVIDER))
        assert _rows(user) == sorted(_state(fact) for fact in memory.facts.values())


def _remove(user: EndUser, memory: Store, index: int) -> None:
    if memory.facts:
        fact = list(memory.facts.values())[index % len(memory.facts)]
        memory.remove(fact.id)  # type: ignore[arg-type]
        mine = Fact.objects.about(user).filter(
            content=fact.content, slot=fact.slot, standing=fact.standing, said_at=fact.said_at
        )
        Fact.objects.filter(pk=mine[0].pk).update(standing="removed", replaced_by=None)


def _state(fact) -> tuple[str, ...]:
    values = (fact.content, fact.slot, fact.standing, fact.temporal_state, fact.said_at, fact.last_refreshed_at)
    return tuple(str(value) for value in (*values, fact.valid_from, fact.valid_until, fact.confidence))


def _rows(user: EndUser) -> list[tuple[str, ...]]:
    return sorted(_state(fact) for fact in Fact.objects.about(user))
