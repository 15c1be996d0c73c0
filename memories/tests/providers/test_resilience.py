from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from memories.providers.base import ProviderRejected, ProviderUnavailable
from memories.providers.resilience import Circuit, CircuitOpen, failure, patiently, retry_after


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit("Vendor", failure_threshold=2, recovery_seconds=30, clock=clock)


def outcomes(*results: object) -> Callable[[], object]:
    """An attempt with these results, one after the other; exceptions are raised."""
    rest: Iterator[object] = iter(results)

    def attempt() -> object:
        result = next(rest)
        if isinstance(result, Exception):
            raise result
        return result

    return attempt


def fail(circuit: Circuit, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ProviderUnavailable):
            circuit.call(outcomes(ProviderUnavailable("down")))


def test_circuit_opens_after_failures_in_a_row(circuit: Circuit) -> None:
    fail(circuit, times=2)
    with pytest.raises(CircuitOpen) as caught:
        circuit.call(outcomes())
    assert caught.value.retry_after == 30


def test_success_between_failures_keeps_it_closed(circuit: Circuit) -> None:
    fail(circuit, times=1)
    circuit.call(outcomes("up"))
    fail(circuit, times=1)
    assert circuit.call(outcomes("up")) == "up"


def test_refusals_are_answers(circuit: Circuit) -> None:
    for _ in range(3):
        with pytest.raises(ProviderRejected):
            circuit.call(outcomes(ProviderRejected("bad key")))
    assert circuit.call(outcomes("up")) == "up"


def test_open_circuit_closes_after_a_successful_probe(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, times=2)
    clock.now = 30
    assert circuit.call(outcomes("up")) == "up"
    assert circuit.call(outcomes("still up")) == "still up"


def test_open_circuit_stays_open_after_a_failed_probe(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, times=2)
    clock.now = 30
    fail(circuit, times=1)
    clock.now = 59
    with pytest.raises(CircuitOpen):
        circuit.call(outcomes())


def test_only_one_call_probes_at_a_time(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, times=2)
    clock.now = 30

    def probe() -> str:
        with pytest.raises(CircuitOpen):
            circuit.call(outcomes())
        return "up"

    assert circuit.call(probe) == "up"


def test_retries_transient_errors() -> None:
    down = ProviderUnavailable("down", retry_after=0)
    assert patiently(outcomes(down, down, "up"), retries=2, budget_seconds=10) == "up"


def test_gives_up_with_the_last_error() -> None:
    errors = [ProviderUnavailable(f"down {n}", retry_after=0) for n in range(3)]
    with pytest.raises(ProviderUnavailable, match="down 2"):
        patiently(outcomes(*errors), retries=2, budget_seconds=10)


@pytest.mark.parametrize("error", [ProviderRejected("no"), CircuitOpen("open", retry_after=0)])
def test_does_not_retry_what_cannot_change(error: Exception) -> None:
    with pytest.raises(type(error)):
        patiently(outcomes(error, "up"), retries=2, budget_seconds=10)


def test_does_not_wait_beyond_the_budget() -> None:
    with pytest.raises(ProviderUnavailable):
        patiently(outcomes(ProviderUnavailable("later", retry_after=11), "up"), retries=2, budget_seconds=10)


def test_backs_off_without_a_hint() -> None:
    with pytest.raises(ProviderUnavailable):
        patiently(outcomes(ProviderUnavailable("down"), "up"), retries=2, budget_seconds=0)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_transient_statuses(status: int) -> None:
    assert isinstance(failure("Vendor", status, key="KEY", model="MODEL"), ProviderUnavailable)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_permanent_statuses(status: int) -> None:
    assert isinstance(failure("Vendor", status, key="KEY", model="MODEL"), ProviderRejected)


@pytest.mark.parametrize(("value", "seconds"), [("7", 7), (" 0 ", 0), ("soon", None), ("²", None)])
def test_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}) == seconds


@pytest.mark.parametrize(("ahead", "low", "high"), [(3600, 3500, 3600), (-3600, 0, 0)])
def test_retry_after_as_a_date(ahead: int, low: float, high: float) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
    assert low <= (retry_after({"retry-after": date}) or 0) <= high


def test_no_retry_after() -> None:
    assert retry_after({}) is None
