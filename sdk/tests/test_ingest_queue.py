"""Turns get through, in order, once; what cannot is counted."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from memoire import Memoire, MemoireAsync, ingest_queue
from tests.conftest import KEY, Call, Make
from tests.service import Service


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_queue, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(ingest_queue, "LONGEST_PAUSE", 0.05)


def said(text: str, *, session_id: str = "s1") -> Call:
    return lambda client: client.ingest(text, session_id=session_id)


def by_session(turns: list[Any]) -> dict[str, list[str]]:
    sessions: dict[str, list[str]] = {}
    for turn in turns:
        sessions.setdefault(turn["session_id"], []).append(turn["content"])
    return sessions


def test_a_flush_waits_until_turns_are_stored(make: Make, service: Service) -> None:
    asking = make()
    asking(lambda client: client.ingest("Hello", session_id="s1", user_id="ann", metadata={"a": 1}))
    assert asking(lambda client: client.flush(5)) is True
    (turn,) = service.turns()
    del turn["external_id"]
    assert turn == {"content": "Hello", "session_id": "s1", "role": "user", "user_id": "ann", "metadata": {"a": 1}}


def test_a_flush_that_is_too_short_says_so(make: Make, service: Service) -> None:
    service.behaviour = "hangs"
    asking = make()
    asking(said("Hello"))
    assert asking(lambda client: client.flush(0.05)) is False


def test_close_sends_what_waits(make: Make, service: Service) -> None:
    asking = make()
    for number in range(20):
        asking(said(str(number)))
    asking(lambda client: client.close())
    assert by_session(service.turns()) == {"s1": [str(number) for number in range(20)]}


def test_each_session_keeps_its_order_under_fifty_threads(service: Service) -> None:
    with Memoire(KEY, service.url, queue_size=2000) as client, ThreadPoolExecutor(50) as pool:

        def talk(session: int) -> None:
            for number in range(10):
                client.ingest(f"{number} asked", session_id=f"s{session}")
                client.ingest(f"{number} answered", session_id=f"s{session}", role="assistant")

        list(pool.map(talk, range(50)))
        assert client.flush(30)
    expected = [f"{number} {what}" for number in range(10) for what in ("asked", "answered")]
    assert by_session(service.turns()) == {f"s{session}": expected for session in range(50)}


def test_an_ingest_of_the_async_client_is_queued_though_nobody_awaits_it(service: Service) -> None:
    client = MemoireAsync(KEY, service.url)
    client.ingest("Hello", session_id="s1")
    asyncio.run(client.close())
    assert len(service.turns()) == 1


@pytest.mark.usefixtures("_hasty")
def test_a_turn_is_tried_again_under_the_same_id(make: Make, service: Service) -> None:
    service.fail_first = 3
    asking = make()
    asking(said("Hello"))
    assert asking(lambda client: client.flush(5))
    turns = service.turns()
    assert len(turns) == 4
    assert len({turn["external_id"] for turn in turns}) == 1
    assert asking.client.dropped == 0


@pytest.mark.usefixtures("_hasty")
def test_a_turn_that_fails_holds_back_those_that_follow_in_its_session(make: Make, service: Service) -> None:
    service.fail_first = 2
    asking = make()
    for text in ("first", "second"):
        asking(said(text))
    assert asking(lambda client: client.flush(5))
    assert by_session(service.turns()) == {"s1": ["first", "first", "first", "second"]}


def test_two_turns_have_different_ids(make: Make, service: Service) -> None:
    asking = make()
    for _ in range(2):
        asking(said("Hello"))
    asking(lambda client: client.flush(5))
    assert len({turn["external_id"] for turn in service.turns()}) == 2


def test_a_rate_limit_is_waited_for_as_long_as_the_service_asks(make: Make, service: Service) -> None:
    service.behaviour, service.retry_after = "429", "0"
    asking = make()
    asking(said("Hello"))
    assert service.wait_for_requests(2)
    service.behaviour = "well"
    assert asking(lambda client: client.flush(5))
    assert len(service.turns()) <= ingest_queue.ATTEMPTS


@pytest.mark.parametrize("refusal", ["401", "404"])
def test_a_refused_turn_is_dropped_at_once(make: Make, service: Service, refusal: str) -> None:
    service.behaviour = refusal
    asking = make()
    asking(said("Hello"))
    assert asking(lambda client: client.flush(5))
    assert (asking.client.dropped, len(service.turns())) == (1, 1)


@pytest.mark.usefixtures("_hasty")
def test_a_turn_that_never_gets_through_is_given_up(make: Make, service: Service) -> None:
    service.behaviour = "html"
    asking = make()
    asking(said("Hello"))
    assert asking(lambda client: client.flush(5))
    assert (asking.client.dropped, len(service.turns())) == (1, ingest_queue.ATTEMPTS)


def test_a_full_queue_drops_what_comes_and_tells_it_once(
    make: Make, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.behaviour = "hangs"
    asking = make(queue_size=10)
    for number in range(100):
        asking(said(str(number)))
    assert asking.client.dropped == 90
    assert [record.message for record in caplog.records] == [
        "Turns are not remembered: the queue is full (1 dropped so far)."
    ]


def test_a_queue_is_bounded_by_bytes_too(make: Make, service: Service) -> None:
    service.behaviour = "hangs"
    asking = make()
    for _ in range(1000):
        asking(said("x" * 100_000))
    assert asking.client.dropped == 1000 - ingest_queue.BYTES // 100_122  # of each turn as it is sent


@pytest.mark.usefixtures("_hasty")
def test_what_nobody_thought_of_holds_up_nothing(make: Make, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", __file__)
    asking = make(base_url=service.url.replace("http:", "https:"))
    asking(said("Hello"))
    assert asking(lambda client: client.flush(5))
    assert asking.client.dropped == 1


def test_a_flush_that_is_given_up_holds_up_nobody(service: Service) -> None:
    service.behaviour = "hangs"
    client = MemoireAsync(KEY, service.url)
    client.ingest("Hello", session_id="s1")

    async def flush() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.flush(), 0.05)

    thread = threading.Thread(target=asyncio.run, args=(flush(),))
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    asyncio.run(client.close(0))


def test_the_log_tells_of_the_next_burst_after_a_turn_got_through(
    make: Make, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    asking = make()
    for behaviour in ("404", "well", "404", "404"):
        service.behaviour = behaviour
        asking(said("Hello"))
        assert asking(lambda client: client.flush(5))
    assert len(caplog.records) == 2
    assert asking.client.dropped == 3


def test_what_does_not_get_through_before_the_end_is_counted(make: Make, service: Service) -> None:
    service.behaviour = "hangs"
    asking = make()
    for _ in range(3):
        asking(said("Hello"))
    asking(lambda client: client.close(0.05))
    assert asking.client.dropped == 3


def test_no_thread_is_started_before_it_is_needed(make: Make) -> None:
    make()
    assert not [thread for thread in threading.enumerate() if thread.name == "memoire"]


def test_a_client_has_one_thread_however_many_sessions_there_are(make: Make) -> None:
    asking = make()
    for number in range(50):
        asking(said("Hello", session_id=str(number)))
    asking(lambda client: client.recall("Where?"))
    assert len([thread for thread in threading.enumerate() if thread.name == "memoire"]) == 1
