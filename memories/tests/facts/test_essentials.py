from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from memories.facts import essentials
from memories.models import Fact
from memories.tests.factories import FactFactory
from tenants.isolation import tenant_scope
from tenants.tests.factories import EndUserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(tenant):
    return EndUserFactory.create(tenant=tenant)


def chosen(user, *, now=None) -> list[str]:
    now = now or timezone.now()
    with tenant_scope(user.tenant):
        essentials.choose([user.pk], now=now)
        return [fact.content for fact in essentials.essential(user, limit=100, now=now)]


def test_the_weightiest_come_first(user):
    FactFactory.create(end_user=user, content="Learns chess.", category="learning")
    FactFactory.create(end_user=user, content="Lives in Austin.", slot="location", category="biographical")
    FactFactory.create(end_user=user, content="Is allergic to nuts.", slot="food")
    assert chosen(user) == ["Lives in Austin.", "Is allergic to nuts.", "Learns chess."]


def test_what_faded_is_essential_no_more(user):
    fact = FactFactory.create(end_user=user, slot="hobby", confidence=0.8)
    assert chosen(user) == [fact.content]
    assert chosen(user, now=timezone.now() + timedelta(days=365)) == []
    assert not Fact.objects.filter(is_essential=True).exists()


@pytest.mark.parametrize(
    "other", [{"temporal_state": "past"}, {"temporal_state": "future"}, {"standing": "superseded"}]
)
def test_only_what_stands_now_is_essential(user, other):
    FactFactory.create(end_user=user, **other)
    assert chosen(user) == []


def test_what_ran_out_is_not_essential(user):
    long_ago = timezone.now() - timedelta(days=2)
    FactFactory.create(end_user=user, said_at=long_ago, valid_until=long_ago)
    assert chosen(user) == []


def test_there_are_only_so_many(user):
    FactFactory.create_batch(essentials.ESSENTIAL_MAX + 5, end_user=user)
    assert len(chosen(user)) == essentials.ESSENTIAL_MAX


def test_choosing_twice_changes_nothing(user):
    FactFactory.create_batch(30, end_user=user)
    now = timezone.now()
    first = chosen(user, now=now)
    before = list(Fact.objects.order_by("pk").values())
    assert chosen(user, now=now) == first
    assert list(Fact.objects.order_by("pk").values()) == before


def test_the_schedule_goes_through_all_users_a_part_at_a_time(user, monkeypatch):
    monkeypatch.setattr(essentials, "USERS_AT_ONCE", 2)
    users = [user, *(EndUserFactory.create() for _ in range(2)), EndUserFactory.create(tenant=user.tenant)]
    for one in users:
        FactFactory.create(end_user=one)
    last, rounds = UUID(int=0), 0
    while following := essentials.choose_after(last, now=timezone.now()):
        last, rounds = following, rounds + 1
    assert rounds == 2
    assert Fact.objects.filter(is_essential=True).count() == 4
