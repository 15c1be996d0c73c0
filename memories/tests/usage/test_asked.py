"""What Redis keeps of searches, and that nobody waits for it."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from memories.tests.helpers import redis_client
from memories.usage import asked

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_the_latest_come_first_with_what_they_took(tenant):
    asked.note(tenant, "search", milliseconds=10.25, at=NOON)
    asked.note(tenant, "search", milliseconds=20.0, at=NOON + timedelta(seconds=1))
    assert asked.latest("search") == [
        asked.Asked(NOON + timedelta(seconds=1), 20.0),
        asked.Asked(NOON, 10.25),
    ]
    assert asked.latest("recall") == []


def test_only_so_many_are_kept(tenant, monkeypatch):
    monkeypatch.setattr(asked, "KEPT", 3)
    for took in range(5):
        asked.note(tenant, "search", milliseconds=took, at=NOON)
    assert [one.milliseconds for one in asked.latest("search")] == [4, 3, 2]


def test_a_search_that_fails_is_not_counted(tenant):
    with pytest.raises(ValueError, match="no"), asked.counted(tenant, "search"):
        raise ValueError("no")
    assert asked.latest("search") == []


def test_counts_leave_redis_by_themselves(tenant):
    asked.note(tenant, "search", milliseconds=1, at=datetime.now(UTC))
    with redis_client() as client:
        [day] = client.keys("usage:2*")
        assert 0 < client.ttl(day) <= asked.DAYS * 86_400


def test_without_redis_nothing_is_counted_and_nothing_fails(tenant, settings):
    settings.REDIS_URL = "unix:///nowhere/redis.sock?db=0"
    with asked.counted(tenant, "search"):
        pass
    assert asked.latest("search") == []
    assert asked.counts(now=NOON) == {}


def test_a_redis_that_is_away_is_not_asked_by_every_search(tenant):
    one = asked._Redis("unix:///nowhere/redis.sock?db=0")
    assert one.run(("PING",)) == []
    assert one._silent_until > time.monotonic()


def test_without_a_redis_of_ours_there_is_nothing_to_count_in(tenant, settings):
    settings.REDIS_URL = None
    asked.note(tenant, "search", milliseconds=1, at=NOON)
    assert asked.latest("search") == []


def test_a_tenant_is_forgotten(tenant):
    now = datetime.now(UTC)
    asked.note(tenant, "search", milliseconds=1, at=now)
    asked.forget(tenant, now=now)
    assert asked.counts(now=now)[now.date()] == {}
