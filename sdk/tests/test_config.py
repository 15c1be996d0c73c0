"""Where the settings come from, and mistakes that are told at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from memoire import Memoire, MemoireAsync, MemoireConfigError
from memoire.config import configured
from tests.conftest import KEY, Call, Make
from tests.service import Service


def settings(*given: Any) -> tuple[str, str, float]:
    padded: list[Any] = [*given, None, None, None][:3]
    config = configured(*padded, tenant_id=None, strict=False, queue_size=1)
    return config.api_key, config.base_url, config.timeout


def test_defaults_need_a_key_alone() -> None:
    assert settings("k") == ("k", "http://localhost:8000", 2.0)


def test_the_environment_tells_what_arguments_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOIRE_API_KEY", "from-environment")
    monkeypatch.setenv("MEMOIRE_BASE_URL", "https://memory.example.com/")
    monkeypatch.setenv("MEMOIRE_TIMEOUT", "0.5")
    assert settings() == ("from-environment", "https://memory.example.com", 0.5)


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOIRE_TIMEOUT", "0.5")
    assert settings("k", None, 1.5)[2] == 1.5


def test_a_path_of_the_address_is_kept(make: Make, service: Service) -> None:
    make(base_url=service.url + "/memory/")(lambda client: client.list_facts("ann"))
    assert service.requests[-1].path == "/memory/v1/facts/ann"


def test_an_address_may_be_of_ipv6() -> None:
    assert settings("k", "http://[::1]:8000/")[1] == "http://[::1]:8000"


def test_the_key_is_in_no_repr() -> None:
    assert KEY not in repr(configured(KEY, None, None, tenant_id=None, strict=False, queue_size=1))


@pytest.mark.parametrize("client", [Memoire, MemoireAsync])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"api_key": " "},
        {"api_key": "with\nline"},
        {"api_key": "ключ"},
        {"api_key": 5},
        {"api_key": "k", "base_url": "localhost:8000"},
        {"api_key": "k", "base_url": "ftp://localhost"},
        {"api_key": "k", "base_url": "http://"},
        {"api_key": "k", "base_url": "http://[::1"},
        {"api_key": "k", "base_url": 5},
        {"api_key": "k", "base_url": "http://localhost:99999"},
        {"api_key": "k", "timeout": 0},
        {"api_key": "k", "timeout": "soon"},
        {"api_key": "k", "timeout": float("nan")},
        {"api_key": "k", "timeout": 1e300},
        {"api_key": "k", "timeout": True},
        {"api_key": "k", "tenant_id": 5},
        {"api_key": "k", "queue_size": 0},
    ],
)
def test_a_client_that_cannot_work_is_refused_at_once(client: type[Memoire | MemoireAsync], options: Any) -> None:
    with pytest.raises(MemoireConfigError):
        client(**options)


def test_a_timeout_of_the_environment_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOIRE_TIMEOUT", "two")
    with pytest.raises(MemoireConfigError):
        settings("k")


def endless() -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for _ in range(100_000):
        metadata = {"deeper": metadata}
    return metadata


MISTAKES: dict[str, Call] = {
    "query of another type": lambda client: client.recall(5),
    "query None": lambda client: client.recall(None),
    "limit as text": lambda client: client.recall("Where?", limit="5"),
    "limit as truth": lambda client: client.recall("Where?", limit=True),
    "categories as text": lambda client: client.recall("Where?", categories="biographical"),
    "user_id of another type": lambda client: client.recall("Where?", user_id=5),
    "user_id empty": lambda client: client.list_facts(""),
    "flag as text": lambda client: client.timeline("ann", include_historical="yes"),
    "content as bytes": lambda client: client.ingest(b"Hi", session_id="s1"),
    "session None": lambda client: client.ingest("Hi", session_id=None),
    "metadata as list": lambda client: client.ingest("Hi", session_id="s1", metadata=["a"]),
    "metadata beyond JSON": lambda client: client.ingest("Hi", session_id="s1", metadata={"a": object()}),
    "metadata not finite": lambda client: client.add_message("Hi", conversation_id="c1", metadata={"a": float("nan")}),
    "time without zone": lambda client: client.ingest("Hi", session_id="s1", created_at=datetime(2026, 1, 1)),  # noqa: DTZ001
    "messages as one": lambda client: client.add_messages({"content": "Hi"}),
    "user_id with half a surrogate pair": lambda client: client.list_facts("\ud83d"),
    "metadata without end": lambda client: client.ingest("Hi", session_id="s1", metadata=endless()),
    "messages as number": lambda client: client.add_messages(5),
    "messages as text": lambda client: client.add_messages(["Hi"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_an_argument_of_the_wrong_type_is_refused_at_once(make: Make, service: Service, mistake: str) -> None:
    with pytest.raises(MemoireConfigError):
        make()(MISTAKES[mistake])
    assert not service.requests
