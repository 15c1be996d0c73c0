"""Whatever the service does, the application goes on: every fault, every method, both clients."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from memoire import (
    MemoireAsync,
    MemoireError,
    MemoireRateLimited,
    MemoireRequestError,
    MemoireResponseError,
)
from tests.conftest import KEY, Make
from tests.faults import FAULTS, SLACK, TIMEOUT, faulty, open_files, threads
from tests.methods import METHODS, WHERE_404_IS_AN_ANSWER
from tests.service import Service

SAID = "a secret between us"


def is_answer(fault: str, method: str) -> bool:
    return fault == "404" and method in WHERE_404_IS_AN_ANSWER


@pytest.fixture
def url(service: Service, fault: str) -> Iterator[str]:
    with faulty(fault, service) as address:
        yield address


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_yields_the_empty_answer_in_time_with_one_warning(
    make: Make, url: str, caplog: pytest.LogCaptureFixture, fault: str, method: str
) -> None:
    call, is_empty = METHODS[method]
    asking = make(base_url=url, timeout=TIMEOUT)
    began = time.monotonic()
    assert is_empty(asking(call))
    assert time.monotonic() - began < TIMEOUT + SLACK
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == (0 if is_answer(fault, method) else 1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_strict_client_raises_what_fits_the_fault(make: Make, url: str, fault: str, method: str) -> None:
    call, is_empty = METHODS[method]
    asking = make(base_url=url, timeout=2 if fault == "without TLS" else TIMEOUT, strict=True)
    if is_answer(fault, method):
        assert is_empty(asking(call))
    else:
        with pytest.raises(FAULTS[fault]):
            asking(call)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_leaves_no_thread_no_file_and_no_connection(make: Make, service: Service, url: str) -> None:
    before = open_files()
    asking = make(base_url=url, timeout=TIMEOUT)
    for call, _ in METHODS.values():
        asking(call)
    asking(lambda client: client.ingest("Hello", session_id="s1"))
    asking(lambda client: client.close(0.05))
    assert service.has_no_connections()
    assert open_files() == before
    assert not threads()


def test_a_fault_leaves_no_task(service: Service) -> None:
    service.behaviour = "hangs"

    async def tasks() -> int:
        async with MemoireAsync(KEY, service.url, TIMEOUT) as client:
            await asyncio.gather(client.ingest("Hello", session_id="s1"), client.recall("Where?"))
            await client.close(0)
        return len(asyncio.all_tasks())

    assert asyncio.run(tasks()) == 1  # itself


@pytest.mark.parametrize("fault", FAULTS)
def test_ingest_returns_at_once_whatever_the_service_does(make: Make, url: str) -> None:
    asking = make(base_url=url, timeout=TIMEOUT, strict=True)
    began = time.monotonic()
    assert asking(lambda client: client.ingest("Hello", session_id="s1")) is None
    assert time.monotonic() - began < TIMEOUT


def test_an_answer_without_end_is_not_kept(make: Make, service: Service) -> None:
    service.behaviour = "never ends"
    with pytest.raises(MemoireResponseError, match="too long"):
        make(timeout=10, strict=True)(lambda client: client.recall("Where?"))


def test_the_key_is_sent_nowhere_else(make: Make, service: Service) -> None:
    service.behaviour = "sends elsewhere"
    make()(lambda client: client.recall("Where?"))
    assert [request.path for request in service.requests] == ["/v1/recall"]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_hears_nothing(
    make: Make, absent_url: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, absent_url)
    assert make(strict=True)(lambda client: client.recall("Where?"))


def test_certificates_that_cannot_be_read_are_a_service_that_is_away(
    make: Make, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", __file__)
    asking = make(base_url=service.url.replace("http:", "https:"))
    assert asking(lambda client: client.recall("Where?")) == []


def test_names_are_looked_up_though_no_thread_can_be_started(
    make: Make, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "memoire-aside":
            raise RuntimeError("can't create new thread at interpreter shutdown")
        start(thread)

    asking = make(base_url=service.url.replace("127.0.0.1", "localhost"), strict=True)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert asking(lambda client: client.recall("Where?"))


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


@pytest.mark.parametrize("fault", ["well", *FAULTS])
def test_neither_logs_nor_errors_tell_the_key_or_what_was_said(
    make: Make, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    asking = make(base_url=url, timeout=TIMEOUT, strict=True)
    asking(lambda client: client.ingest(SAID, session_id="s1"))
    told = [repr(asking.client), repr(asking.client._core.config)]
    try:
        asking(lambda client: client.recall(SAID))
    except MemoireError as error:
        told += [repr(error), *traceback.format_exception(error)]
    assert not [text for text in (caplog.text, *told) if KEY in text or SAID in text]


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
