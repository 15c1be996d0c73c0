import uuid

import pytest
import redis
from django.conf import settings as configured
from django.db import DatabaseError, connection, transaction

from tenants import positions
from tenants.isolation import across_tenants, tenant_scope
from tenants.positions import KEY, Positions
from tenants.tests.factories import EndUserFactory, TenantFactory

OURS, THEIRS = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def client():
    with redis.Redis.from_url(str(configured.REDIS_URL)) as client:
        yield client


@pytest.fixture
def kept(client):
    return Positions(str(configured.REDIS_URL))


@pytest.fixture
def replicated(settings):
    settings.MEMORY_READ_REPLICA_URLS = ["postgresql://somewhere/memories"]


@pytest.fixture
def ours(transactional_db, replicated):
    return TenantFactory.create()


def test_a_position_is_the_tenants_own(kept):
    kept.raise_to(5, {OURS})
    assert (kept.of(OURS), kept.of(THEIRS)) == (5, None)


def test_a_position_never_falls(kept):
    kept.raise_to(7, {OURS})
    kept.raise_to(5, {OURS, THEIRS})
    assert (kept.of(OURS), kept.of(THEIRS)) == (7, 5)


def test_a_position_is_kept_to_the_byte(kept):
    kept.raise_to(2**52 + 1, {OURS})
    assert kept.of(OURS) == 2**52 + 1


def test_a_forgotten_position_is_unknown(kept):
    kept.raise_to(5, {OURS, THEIRS})
    kept.forget({OURS})
    assert (kept.of(OURS), kept.of(THEIRS)) == (None, 5)


def test_without_redis_nothing_is_known_and_it_is_left_alone_for_a_while():
    nowhere = Positions("redis://127.0.0.1:1/0")
    nowhere.raise_to(5, {OURS})
    assert nowhere.of(OURS) is None
    assert nowhere._silent_until > 0


def test_what_could_not_be_written_down_makes_every_position_unknown(kept, client, monkeypatch):
    kept.raise_to(5, {OURS, THEIRS})
    monkeypatch.setattr(kept, "_silent_until", float("inf"))  # as after an answer that did not come
    kept.raise_to(7, {OURS})
    monkeypatch.setattr(kept, "_silent_until", 0.0)
    assert (kept.of(OURS), kept.of(THEIRS)) == (None, None)
    assert not client.exists(KEY)


def test_after_a_write_a_replica_must_have_replayed_it(ours):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
        (before,) = cursor.fetchone()
    with tenant_scope(ours):
        EndUserFactory.create(tenant=ours)
    assert positions.needed(ours.pk) > before


def test_nothing_is_noted_before_the_commit(ours):
    with transaction.atomic():
        with tenant_scope(ours):
            pass
        assert positions.needed(ours.pk) is None
    assert positions.needed(ours.pk) is not None


def test_a_transaction_over_all_tenants_notes_those_that_it_is_said_to_write_to(ours):
    another = TenantFactory.create()
    with across_tenants():
        positions.note_after_commit(ours.pk)
    assert positions.needed(ours.pk) is not None
    assert positions.needed(another.pk) is None


def test_a_primary_that_is_gone_after_the_commit_leaves_the_position_unknown(ours, monkeypatch):
    with tenant_scope(ours):
        pass

    def gone():
        raise DatabaseError

    monkeypatch.setattr(positions, "_of_primary", gone)
    with tenant_scope(ours):
        pass
    assert positions.needed(ours.pk) is None


def test_without_replicas_nothing_is_noted(transactional_db, client):
    with tenant_scope(TenantFactory.create()):
        pass
    assert not client.exists(KEY)
