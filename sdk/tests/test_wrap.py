"""`memoire.wrap` finds a memory for the client that it is given."""

from __future__ import annotations

from typing import Any

import openai
import pytest

import memoire
from memoire import Memoire, MemoireAsync, MemoireConfigError

CLIENTS = [(openai.OpenAI, Memoire), (openai.AsyncOpenAI, MemoireAsync)]


@pytest.mark.parametrize(("vendor", "kind"), CLIENTS)
def test_without_a_memory_the_environment_describes_one(
    monkeypatch: pytest.MonkeyPatch, vendor: Any, kind: type[Memoire | MemoireAsync]
) -> None:
    asked: list[Any] = []
    monkeypatch.setenv("MEMOIRE_API_KEY", "k")
    monkeypatch.setattr(kind, "wrap", lambda memory, client, **options: asked.append((memory, client, options)))
    client = vendor(api_key="k")
    memoire.wrap(client, user="ann", session_id="s1")
    ((memory, wrapped, options),) = asked
    assert (type(memory), wrapped, options) == (kind, client, {"user": "ann", "session_id": "s1"})


@pytest.mark.parametrize(("vendor", "kind"), CLIENTS)
def test_a_wrapped_client_is_still_of_its_kind(vendor: Any, kind: type[Memoire | MemoireAsync]) -> None:
    assert isinstance(memoire.wrap(vendor(api_key="k"), memory=kind("k")), vendor)


def test_without_a_key_nothing_is_wrapped() -> None:
    with pytest.raises(MemoireConfigError):
        memoire.wrap(openai.OpenAI(api_key="k"))
