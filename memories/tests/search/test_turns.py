"""What ranking hears of a message, and of the turns around it."""

from datetime import timedelta
from typing import Any

import pytest

from memories.models import Message
from memories.search import Hit
from memories.tests.search.talk import NOW, ask, contents, told

pytestmark = pytest.mark.django_db

BY_ANSWER = {"semantic": 0.0, "lexical": 0.0, "context": 0.0, "conversation": 0.0, "answer": 1.0}
FILLER = [f"moon tree bread {n}" for n in range(12)]


def hit(tenant, text: str, content: str, **fields: Any) -> Hit:
    """The hit that says `content`."""
    hits = ask(tenant, text, top_k=50, **fields).hits
    return next(one for one in hits if one.message.content == content)


def apart(tenant, first: str, second: str, gap: timedelta) -> None:
    """Two turns of one conversation, so far from each other."""
    told(tenant, first)
    told(tenant, second, created_at=NOW - timedelta(days=1) + gap)


# --- The turn after a hit ---------------------------------------------------------------------------------------------


def test_the_turn_after_a_hit_is_a_candidate(tenant) -> None:
    told(tenant, "zebra quagga?", "yes indeed", *FILLER)
    few: dict[str, Any] = {"candidate_limit": 1, "top_k": 1}
    assert contents(ask(tenant, "zebra quagga", **few)) == ["zebra quagga?"]
    assert contents(ask(tenant, "zebra quagga", **few, weights=BY_ANSWER)) == ["yes indeed"]


@pytest.mark.parametrize("mode", ["semantic", "lexical"])
def test_one_retrieval_alone_shows_its_own_finds(tenant, mode: Any) -> None:
    told(tenant, "zebra quagga?", "yes indeed", *FILLER)
    few: dict[str, Any] = {"candidate_limit": 1, "top_k": 1, "mode": mode}
    assert contents(ask(tenant, "zebra quagga", **few, weights=BY_ANSWER)) == ["zebra quagga?"]


@pytest.mark.parametrize("barrier", [{"role": "assistant"}, {"user_id": "bo"}, {"metadata": {"lang": "de"}}])
def test_the_turn_after_a_hit_must_pass_the_filters(tenant, barrier: dict[str, Any]) -> None:
    mine: dict[str, Any] = {"role": "user", "user_id": "ann", "metadata": {"lang": "en"}}
    told(tenant, "where is the zebra?", **mine)
    told(tenant, "over there", **(mine | barrier), created_at=NOW - timedelta(days=1) + timedelta(minutes=1))
    wanted = {name: mine[name] for name in barrier}
    assert contents(ask(tenant, "zebra", **wanted)) == ["where is the zebra?"]
    assert len(ask(tenant, "zebra").hits) == 2


def test_an_archived_turn_after_a_hit_is_none(tenant) -> None:
    told(tenant, "where is the zebra?", "over there", "thank you")
    Message.objects.filter(content="over there").update(archived_at=NOW)
    assert "over there" not in contents(ask(tenant, "zebra"))
    assert "over there" in contents(ask(tenant, "zebra", include_archived=True))


# --- Neighbours -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gap", "heard"), [(timedelta(hours=1), True), (timedelta(hours=1, seconds=1), False)])
def test_turns_more_than_an_hour_apart_are_no_neighbours(tenant, gap: timedelta, heard: bool) -> None:
    apart(tenant, "the zebra?", "over there", gap)
    parts = hit(tenant, "zebra", "over there").ranked.parts
    assert (parts["context"] > 0, parts["answer"] > 0) == (heard, heard)


def test_turns_of_another_conversation_are_no_neighbours(tenant) -> None:
    told(tenant, "the zebra?", conversation_id="c1")
    told(tenant, "over there", conversation_id="c2", created_at=NOW - timedelta(days=1) + timedelta(seconds=5))
    parts = hit(tenant, "zebra", "over there").ranked.parts
    assert (parts["context"], parts["answer"]) == (0, 0)


def test_words_of_the_turns_on_both_sides_count(tenant) -> None:
    told(tenant, "a zebra", "over there", "a quagga", "nothing")
    parts = {one: hit(tenant, "zebra quagga", one).ranked.parts["context"] for one in ("over there", "nothing")}
    assert parts["over there"] > parts["nothing"] > 0


def test_what_a_neighbour_says_is_not_said_by_the_turn(tenant) -> None:
    told(tenant, "a zebra", "over there")
    assert hit(tenant, "zebra", "over there").ranked.parts["lexical"] == 0


def test_neighbours_are_heard_though_they_do_not_pass_the_filters(tenant) -> None:
    told(tenant, "the zebra?", role="user")
    told(tenant, "over there", role="assistant", created_at=NOW - timedelta(days=1) + timedelta(minutes=1))
    parts = hit(tenant, "zebra", "over there", role="assistant").ranked.parts
    assert parts["context"] > 0
    assert parts["answer"] > 0


def test_neighbours_of_the_last_tenths_of_what_was_found_are_not_heard(tenant) -> None:
    for n in range(10):
        told(tenant, "a zebra", role="user", conversation_id=f"c{n}")
        later = NOW - timedelta(days=1) + timedelta(minutes=1)
        told(tenant, "a quagga", role="assistant", conversation_id=f"c{n}", created_at=later)
    ten: dict[str, Any] = {"mode": "lexical", "role": "user", "candidate_limit": 40, "top_k": 10}
    hits = ask(tenant, "zebra quagga", **ten).hits
    heard = [one.ranked.candidate.lexical_rank for one in hits if one.ranked.candidate.window_frequencies == [1, 1]]
    assert len(hits) == 10
    assert set(heard) == set(range(1, 8))


def test_archived_turns_are_not_heard(tenant) -> None:
    told(tenant, "the zebra?", "over there")
    Message.objects.filter(content="the zebra?").update(archived_at=NOW)
    parts = hit(tenant, "zebra", "over there").ranked.parts
    assert (parts["context"], parts["answer"]) == (0, 0)


# --- Questions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["a cat?", "a cat？", "قط؟", 'he asked "a cat?"', "(a cat?)", "a cat? [a photo of it]", "a cat?!", "a cat? 🐈"],
)
def test_what_ends_with_a_question_mark_is_a_question(tenant, text: str) -> None:
    told(tenant, text)
    assert hit(tenant, "cat", text).ranked.parts["statement"] == 0


@pytest.mark.parametrize("text", ["a cat", "a cat? a dog.", "https://a.b/?cat=1", ""])
def test_what_does_not_is_a_statement(tenant, text: str) -> None:
    told(tenant, f"{text} x")
    assert hit(tenant, "cat", f"{text} x").ranked.parts["statement"] == 1


def test_what_follows_a_statement_answers_nothing(tenant) -> None:
    told(tenant, "the zebra", "over there")
    assert hit(tenant, "zebra", "over there").ranked.parts["answer"] == 0


# --- Speakers and times -----------------------------------------------------------------------------------------------


def test_what_the_named_one_said_is_known(tenant) -> None:
    told(tenant, "a zebra", metadata={"speaker": "Anna"})
    told(tenant, "a zebra, too", metadata={"speaker": "Ben"})
    said = {one: hit(tenant, "Anna's zebra", one).ranked.parts["speaker"] for one in ("a zebra", "a zebra, too")}
    assert said == {"a zebra": 1, "a zebra, too": 0}


def test_what_was_said_at_the_named_time_is_known(tenant) -> None:
    told(tenant, "a zebra", created_at=NOW.replace(day=1, month=2))
    told(tenant, "a zebra, too", created_at=NOW - timedelta(days=300))
    near = {one: hit(tenant, "zebra in February", one).ranked.parts["date"] for one in ("a zebra", "a zebra, too")}
    assert near == {"a zebra": 1, "a zebra, too": 0}


def test_importance_and_recency_are_of_the_moment_of_the_search(tenant) -> None:
    told(tenant, "a zebra", created_at=NOW - timedelta(days=7))
    assert hit(tenant, "zebra", "a zebra").ranked.parts["recency"] == pytest.approx(0.5)
