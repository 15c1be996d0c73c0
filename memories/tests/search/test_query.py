"""How a query is read: who is named in it, and what is left of it."""

from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest

from memories.models import Message
from memories.providers.base import Vectors
from memories.providers.mock import MockProvider
from memories.search import Query, search
from memories.search.participants import participants
from memories.tests.search.talk import NOW, ask, contents, told
from tenants.isolation import tenant_scope
from tenants.models import EndUser, Tenant
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db


class Listening(MockProvider):
    """Remembers which queries it embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def embed_query(self, text: str) -> Vectors:
        self.heard.append(text)
        return super().embed_query(text)


def said(tenant: Tenant, speaker: str, *texts: str, **fields: Any) -> list[Message]:
    return told(tenant, *texts, metadata={"speaker": speaker}, **fields)


def named(tenant: Tenant, text: str, **fields: Any) -> set[str]:
    with plain_login(), tenant_scope(tenant):
        return set(participants(tenant, Query(text, **fields), scope=nullcontext, now=NOW).values())


def embedded(tenant: Tenant, text: str, **fields: Any) -> list[str]:
    """What of a query is embedded."""
    provider = Listening()
    ask(tenant, text, provider=provider, **fields)
    return provider.heard


# --- Who is named -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["What did Anna say?", "what did anna say?", "Anna’s cat", "ANNA", "Änna’s cat"])
def test_a_speaker_is_named(tenant, text: str) -> None:
    said(tenant, "Anna Bell", "a cat")
    assert len(named(tenant, text)) == 1


@pytest.mark.parametrize(
    "text", ["What did Ben say?", "what did ben say?", "Annabel", "anna.bell@example.com", "a cat"]
)
def test_who_does_not_speak_is_not_named(tenant, text: str) -> None:
    said(tenant, "Anton Bell", "a cat of Ben")
    assert named(tenant, text) == set()


def test_a_search_by_words_names_nobody(tenant) -> None:
    said(tenant, "Anna", "a cat")
    assert named(tenant, "Anna", mode="lexical") == set()


def test_speakers_of_other_tenants_are_not_named(tenant) -> None:
    said(TenantFactory.create(), "Anna", "a cat")
    said(tenant, "Ben", "a cat")
    assert named(tenant, "Did Anna meet Ben?") == {"Ben"}


@pytest.mark.parametrize(
    "wanted", [{"conversation_id": "c2"}, {"user_id": "bo"}, {"role": "assistant"}, {"metadata": {"speaker": "Ben"}}]
)
def test_only_speakers_of_the_messages_that_pass_are_named(tenant, wanted: dict[str, Any]) -> None:
    said(tenant, "Anna", "a cat", user_id="ann")
    said(tenant, "Ben", "a cat", user_id="bo", conversation_id="c2", role="assistant")
    assert named(tenant, "Did Anna meet Ben?", **wanted) == {"Ben"}


def test_whose_messages_are_archived_is_not_named(tenant) -> None:
    (message,) = said(tenant, "Anna", "a cat")
    Message.objects.filter(pk=message.pk).update(archived_at=NOW)
    assert named(tenant, "Anna") == set()
    assert named(tenant, "Anna", include_archived=True) == {"Anna"}


def test_an_end_user_learns_of_no_speaker_but_its_own(tenant) -> None:
    said(tenant, "Anna", "a cat", user_id="ann")
    said(tenant, "Ben", "a cat", user_id="bo", conversation_id="c2")
    bo = EndUser.objects.get(tenant=tenant, external_id="bo")
    with plain_login(), tenant_scope(tenant, end_user_id=bo.pk):
        assert set(participants(tenant, Query("Did Anna meet Ben?"), scope=nullcontext, now=NOW).values()) == {"Ben"}


def test_an_end_user_who_names_a_stranger_has_the_name_as_a_word(tenant) -> None:
    said(tenant, "Anna", "a cat", user_id="ann")
    said(tenant, "Ben", "I met Anna today", "a dog", user_id="bo", conversation_id="c2")
    bo = EndUser.objects.get(tenant=tenant, external_id="bo")
    scope, provider = partial(tenant_scope, tenant, end_user_id=bo.pk), Listening()
    with plain_login():
        result = search(tenant, Query("Anna?"), scope=scope, provider=provider, now=NOW)
    assert contents(result)[0] == "I met Anna today"
    assert provider.heard == ["Anna?"]


# --- What is left -----------------------------------------------------------------------------------------------------


def test_the_name_of_a_speaker_is_not_embedded(tenant) -> None:
    said(tenant, "Anna", "a cat")
    assert embedded(tenant, "What does Anna's cat eat?") == ["What does cat eat?"]


def test_a_name_that_nobody_has_is_a_word(tenant) -> None:
    said(tenant, "Anna", "a cat")
    told(tenant, "Ben is late", "the sea")
    assert embedded(tenant, "Where is Ben?") == ["Where is Ben?"]
    assert contents(ask(tenant, "Where is Ben?"))[0] == "Ben is late"


def test_a_query_that_is_only_a_name_is_embedded_as_it_is(tenant) -> None:
    said(tenant, "Anna", "a cat")
    assert embedded(tenant, "Anna?") == ["Anna?"]


@pytest.mark.parametrize("query", ["what did Anna say about the boat", "what did anna say about the boat"])
def test_what_the_speaker_said_comes_first(tenant, query: str) -> None:
    said(tenant, "Ben", "the boat leaks")
    said(tenant, "Anna", "the boat sinks")
    assert contents(ask(tenant, query))[0] == "the boat sinks"


@pytest.mark.parametrize("query", ["what did Anna say about the boat", "what did anna say about the boat"])
def test_a_speaker_may_stand_before_the_text(tenant, query: str) -> None:
    told(tenant, "Ben: the boat leaks", "Anna: the boat sinks", "Cleo: the tea is cold")
    assert contents(ask(tenant, query))[0] == "Anna: the boat sinks"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("what was the Error?", "Error: disk full"),
        ("Error", "Error: disk full"),
        ("what was my TODO?", "TODO: buy milk"),
        ("what was the note about?", "Note: the key is under the mat"),
        ("Which Ingredients did you list?", "Ingredients: flour, eggs and sugar"),
        ("What is the Address?", "Address: 12 Elm Street"),
    ],
)
@pytest.mark.parametrize("mode", ["hybrid", "lexical"])
def test_a_label_is_a_word_like_any_other(tenant, mode: Any, query: str, text: str) -> None:
    told(tenant, "the train is late", text, "we sold the boat", "she likes tea", "what about it?", "it was mine")
    assert contents(ask(tenant, query, mode=mode))[0] == text


@pytest.mark.parametrize("text", ["what was the Error?", "Error"])
def test_a_label_is_embedded(tenant, text: str) -> None:
    told(tenant, "Error: disk full")
    assert embedded(tenant, text) == [text]


# --- Times ------------------------------------------------------------------------------------------------------------


def test_a_time_before_now_is_read_as_of_the_search(tenant) -> None:
    told(tenant, "a cat", created_at=NOW.replace(day=27, month=2))
    (found,) = ask(tenant, "the cat, two days ago").hits
    assert found.ranked.parts["date"] == 1


@pytest.mark.parametrize("text", ["cat 9999-12-31", "cat 0001-01-01", "cat 2023-02-30", "cat 999 years ago"])
def test_times_out_of_reach_break_nothing(tenant, text: str) -> None:
    told(tenant, "a cat")
    assert contents(ask(tenant, text)) == ["a cat"]
