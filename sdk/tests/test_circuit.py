"""A service that fails in a row is skipped for a while."""

from __future__ import annotations

import logging

import pytest

from memoire import MemoireRequestError, MemoireUnavailable
from memoire.circuit import FAILURES, PAUSE, Circuit, CircuitOpen
from tests.conftest import Make
from tests.service import Service


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit(clock=clock)


def fail(circuit: Circuit, times: int = 1, *, error: type[BaseException] = MemoireUnavailable) -> None:
    for _ in range(times):
        with pytest.raises(error), circuit.attempt():
            raise error("no")


def succeed(circuit: Circuit) -> None:
    with circuit.attempt():
        pass


def test_after_failures_in_a_row_calls_are_skipped(circuit: Circuit) -> None:
    fail(circuit, FAILURES)
    with pytest.raises(CircuitOpen), circuit.attempt():
        pass


def test_a_success_begins_the_count_anew(circuit: Circuit) -> None:
    fail(circuit, FAILURES - 1)
    succeed(circuit)
    fail(circuit, FAILURES - 1)
    succeed(circuit)


def test_a_refused_request_shows_that_the_service_is_there(circuit: Circuit) -> None:
    fail(circuit, FAILURES - 1)
    fail(circuit, error=MemoireRequestError)
    fail(circuit, FAILURES - 1)
    succeed(circuit)


def test_after_the_pause_one_call_may_try(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, FAILURES)
    clock.now = PAUSE
    with circuit.attempt(), pytest.raises(CircuitOpen), circuit.attempt():
        pass


def test_a_try_that_succeeds_lets_all_calls_through(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, FAILURES)
    clock.now = PAUSE
    succeed(circuit)
    with circuit.attempt(), circuit.attempt():
        pass


def test_a_try_that_fails_skips_for_another_pause(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, FAILURES)
    clock.now = PAUSE
    fail(circuit)
    clock.now = PAUSE * 2 - 1
    with pytest.raises(CircuitOpen), circuit.attempt():
        pass


def test_a_try_that_its_caller_gives_up_leaves_the_next_one_to_another(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, FAILURES)
    clock.now = PAUSE
    fail(circuit, error=KeyboardInterrupt)
    succeed(circuit)


def test_a_skipped_call_asks_nothing_of_the_service(make: Make, service: Service) -> None:
    service.behaviour = "500"
    asking = make()
    for _ in range(FAILURES + 3):
        assert asking(lambda client: client.recall("Where?")) == []
    assert len(service.requests) == FAILURES


def test_the_log_tells_once_that_the_service_is_skipped(
    make: Make, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.behaviour = "500"
    asking = make()
    for _ in range(FAILURES + 3):
        asking(lambda client: client.recall("Where?"))
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(told) == FAILURES + 1
    assert "skipped for 30 s" in caplog.text


def test_a_strict_client_raises_for_a_skipped_call(make: Make, service: Service) -> None:
    service.behaviour = "500"
    asking = make(strict=True)
    for _ in range(FAILURES + 1):
        with pytest.raises(MemoireUnavailable):
            asking(lambda client: client.recall("Where?"))
    assert len(service.requests) == FAILURES
