"""Which replica is asked, and what becomes of one that fails. (A real one: memory_layer/tests/integration/.)"""

import pytest
from django.db import InterfaceError, OperationalError, connections
from psycopg import errors

from tenants import databases, replicas
from tenants.models import EndUser
from tenants.replicas import Behind, Lost, asked, chosen, from_replica, offered

GONE, CONFLICT, DEADLINE = errors.AdminShutdown, errors.SerializationFailure, errors.QueryCanceled


@pytest.fixture(autouse=True)
def two_replicas(monkeypatch):
    """Of the tests' own database; nothing connects to it by these names unless a test does."""
    here = connections["default"].settings_dict
    monkeypatch.setattr(replicas, "_down_until", {})
    for alias in ("replica-1", "replica-2"):
        monkeypatch.setitem(connections.settings, alias, here)


@pytest.fixture
def clock(monkeypatch):
    """Stands still; `clock.passes(seconds)`."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

        def passes(self, seconds):
            self.now += seconds

    clock = Clock()
    monkeypatch.setattr(replicas, "time", clock)
    return clock


def fail(alias="replica-1", *, cause=GONE, kind=OperationalError):
    with asked(alias):
        raise kind from cause()


def lose(alias):
    with pytest.raises(Lost):
        fail(alias)


def test_replicas_take_turns():
    assert {chosen(), chosen()} == {"replica-1", "replica-2"}


def test_a_lost_replica_is_left_alone(clock):
    lose("replica-1")
    assert {chosen() for _ in range(4)} == {"replica-2"}


def test_with_all_replicas_lost_there_is_none(clock):
    lose("replica-1")
    lose("replica-2")
    assert chosen() is None


def test_after_a_while_one_call_alone_tries_whether_it_is_back(clock):
    lose("replica-1")
    lose("replica-2")
    clock.passes(replicas.DOWN_SECONDS + 1)
    tried = [chosen() for _ in range(4)]
    assert sorted(filter(None, tried)) == ["replica-1", "replica-2"]


def test_one_that_answers_again_takes_its_turns_again(clock):
    lose("replica-1")
    with asked("replica-1"):
        pass
    assert {chosen(), chosen()} == {"replica-1", "replica-2"}


@pytest.mark.parametrize(("kind", "cause"), [(OperationalError, GONE), (InterfaceError, errors.InterfaceError)])
def test_one_whose_connection_broke_is_lost(clock, kind, cause):
    with pytest.raises(Lost):
        fail(kind=kind, cause=cause)
    assert {chosen() for _ in range(4)} == {"replica-2"}


def test_one_that_took_a_statement_back_keeps_its_turns():
    with pytest.raises(Lost):
        fail(cause=CONFLICT)
    assert {chosen(), chosen()} == {"replica-1", "replica-2"}


def test_what_exceeded_the_deadline_is_asked_nobody_else():
    with pytest.raises(OperationalError):
        fail(cause=DEADLINE)


def test_one_that_is_behind_keeps_its_turns():
    with pytest.raises(Behind), asked("replica-1"):
        raise Behind
    assert {chosen(), chosen()} == {"replica-1", "replica-2"}


def test_a_read_that_a_replica_lost_is_read_from_the_primary():
    offers = []

    @from_replica
    def read():
        offers.append(offered())
        if offered():
            fail(offered())
        return "the answer"

    assert read() == "the answer"
    assert [bool(offer) for offer in offers] == [True, False]


def test_what_only_fails_is_not_read_twice():
    calls = []

    @from_replica
    def read():
        calls.append(offered())
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - our own
        read()
    assert len(calls) == 1


def test_outside_of_a_call_that_reads_there_is_no_replica():
    from_replica(lambda: None)()
    assert offered() is None


def test_reads_of_a_block_go_to_its_database_and_writes_never():
    with databases.reading_from("replica-1"):
        assert databases.reading().alias == "replica-1"
        assert databases.Router().db_for_read(EndUser) == "replica-1"
        assert databases.Router().db_for_write(EndUser) == "default"
    assert databases.Router().db_for_read(EndUser) == "default"


def test_no_replica_is_migrated():
    assert not databases.Router().allow_migrate("replica-1", "tenants")
