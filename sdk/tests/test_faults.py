"""Whatever the service does, the application goes on: every fault, every method, both clients."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from memoire import (
    MemoireAsync,
    MemoireAuthError,
    MemoireError,
    MemoireRateLimited,
    MemoireRequestError,
    MemoireResponseError,
    MemoireUnavailable,
)
from tests.conftest import KEY, Blocking, Make
from tests.methods import METHODS, WHERE_404_IS_AN_ANSWER
from tests.service import Service

FAULTS: dict[str, type[MemoireError]] = {
    "absent": MemoireUnavailable,
    "hangs": MemoireUnavailable,
    "resets": MemoireUnavailable,
    "drips": MemoireUnavailable,
    "401": MemoireAuthError,
    "403": MemoireAuthError,
    "404": MemoireRequestError,
    "429": MemoireRateLimited,
    "500": MemoireUnavailable,
    "html": MemoireResponseError,
    "wrong JSON": MemoireResponseError,
    "wrong shape": MemoireResponseError,
}
TIMEOUT = 0.2
SLACK = 0.5  # for a busy machine


def faulty(make: Make, service: Service, fault: str, absent_url: str, *, strict: bool = False) -> Blocking:
    if fault != "absent":
        service.behaviour = fault
    return make(base_url=absent_url if fault == "absent" else service.url, timeout=TIMEOUT, strict=strict)


def is_answer(fault: str, method: str) -> bool:
    return fault == "404" and method in WHERE_404_IS_AN_ANSWER


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_yields_the_empty_answer_in_time_with_one_warning(
    make: Make, service: Service, absent_url: str, caplog: pytest.LogCaptureFixture, fault: str, method: str
) -> None:
    call, is_empty = METHODS[method]
    asking = faulty(make, service, fault, absent_url)
    began = time.monotonic()
    assert is_empty(asking(call))
    assert time.monotonic() - began < TIMEOUT + SLACK
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == (0 if is_answer(fault, method) else 1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_strict_client_raises_what_fits_the_fault(
    make: Make, service: Service, absent_url: str, fault: str, method: str
) -> None:
    call, is_empty = METHODS[method]
    asking = faulty(make, service, fault, absent_url, strict=True)
    if is_answer(fault, method):
        assert is_empty(asking(call))
    else:
        with pytest.raises(FAULTS[fault]):
            asking(call)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_leaves_no_thread_and_no_connection(make: Make, service: Service, absent_url: str, fault: str) -> None:
    asking = faulty(make, service, fault, absent_url)
    for call, _ in METHODS.values():
        asking(call)
    asking(lambda client: client.ingest("Hello", session_id="s1"))
    asking(lambda client: client.close(0.05))
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("memoire")]
    assert service.has_no_connections()


@pytest.mark.parametrize("fault", FAULTS)
def test_ingest_returns_at_once_whatever_the_service_does(
    make: Make, service: Service, absent_url: str, fault: str
) -> None:
    asking = faulty(make, service, fault, absent_url, strict=True)
    began = time.monotonic()
    assert asking(lambda client: client.ingest("Hello", session_id="s1")) is None
    assert time.monotonic() - began < TIMEOUT


def test_a_name_that_does_not_exist_is_a_service_that_is_away(make: Make) -> None:
    asking = make(base_url="http://memory.invalid", timeout=TIMEOUT)
    began = time.monotonic()
    assert asking(lambda client: client.recall("Where?")) == []
    assert time.monotonic() - began < TIMEOUT + SLACK


def test_tls_with_a_server_that_speaks_none_is_a_service_that_is_away(make: Make, service: Service) -> None:
    asking = make(base_url=service.url.replace("http:", "https:"), timeout=1.0, strict=True)
    with pytest.raises(MemoireUnavailable):
        asking(lambda client: client.recall("Where?"))


def test_a_name_server_that_hangs_keeps_nobody(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def getaddrinfo(*args: object, **options: object) -> object:
        answered.wait()
        raise OSError("too late")

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    asking = make(base_url="http://memory.example", timeout=TIMEOUT)
    began = time.monotonic()
    assert asking(lambda client: client.recall("Where?")) == []
    assert time.monotonic() - began < TIMEOUT + SLACK
    answered.set()


def test_a_warning_tells_neither_content_nor_key(
    make: Make, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.behaviour = "wrong shape"
    make()(lambda client: client.recall("a secret question"))
    assert "recall" in caplog.text
    assert "secret" not in caplog.text
    assert KEY not in caplog.text


def test_a_refusal_carries_the_error_body_of_the_service(make: Make, service: Service) -> None:
    service.behaviour = "404"
    with pytest.raises(MemoireRequestError) as caught:
        make(strict=True)(lambda client: client.recall("Where?"))
    error = caught.value
    assert (error.status, error.code, error.detail, error.attr) == (404, "code_404", "Do this.", "query")


def test_a_rate_limit_tells_when_to_come_back(make: Make, service: Service) -> None:
    service.behaviour = "429"
    with pytest.raises(MemoireRateLimited) as caught:
        make(strict=True)(lambda client: client.recall("Where?"))
    assert caught.value.retry_after == 7


def test_a_closed_client_answers_as_if_the_service_were_away(make: Make) -> None:
    asking = make()
    asking(lambda client: client.close())
    assert asking(lambda client: client.recall("Where?")) == []
    asking(lambda client: client.ingest("Hello", session_id="s1"))
    assert asking.client.dropped == 1


def test_a_call_that_waits_while_its_client_is_closed_is_empty(make: Make, service: Service) -> None:
    service.behaviour = "hangs"
    asking = make(timeout=30)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(asking, lambda client: client.recall("Where?"))
        assert service.wait_for_requests(1)
        asking(lambda client: client.close(0))
        assert answer.result(5) == []


def test_a_cancelled_task_is_cancelled(service: Service) -> None:
    service.behaviour = "hangs"

    async def cancelled() -> None:
        async with MemoireAsync(KEY, service.url, 30) as client:
            task = asyncio.ensure_future(client.recall("Where?"))
            await asyncio.to_thread(service.wait_for_requests, 1)
            task.cancel()
            await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
