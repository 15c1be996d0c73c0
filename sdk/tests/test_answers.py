"""What is asked, and what is read from the answers."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from memoire import Context, Fact
from tests.conftest import KEY, Make
from tests.service import FACT, Service


def test_recall_sends_what_was_asked_for_and_returns_facts(make: Make, service: Service) -> None:
    facts = make()(lambda client: client.recall("Where?", user_id="ann", limit=3, categories=["biographical"]))
    assert [(fact.content, fact.score) for fact in facts] == [("Lives in Austin.", 0.7)]
    assert service.requests[-1].body == {
        "query": "Where?",
        "user_id": "ann",
        "limit": 3,
        "categories": ["biographical"],
        "current_view_only": True,
        "include_historical": False,
    }


def test_the_key_and_the_tenant_go_with_each_request(make: Make, service: Service) -> None:
    make(tenant_id="acme")(lambda client: client.list_facts("ann"))
    request = service.requests[-1]
    assert (request.headers["X-API-Key"], request.query["tenant_id"]) == (KEY, "acme")


def test_a_key_of_an_end_user_needs_no_user_id(make: Make, service: Service) -> None:
    asking = make()
    asking(lambda client: client.get_conscious())
    asking(lambda client: client.recall("Where?"))
    assert service.requests[0].path == "/v1/conscious"
    assert "user_id" not in service.requests[1].body


def test_an_id_in_an_address_is_quoted(make: Make, service: Service) -> None:
    make()(lambda client: client.list_facts("ann/../bob?x=1"))
    assert service.requests[-1].path == "/v1/facts/ann%2F..%2Fbob%3Fx%3D1"


def test_conscious_carries_facts_and_profile(make: Make) -> None:
    conscious = make()(lambda client: client.get_conscious("ann"))
    assert (conscious.essential_facts[0].id, conscious.profile.summary) == (FACT["id"], "From Austin.")


def test_a_timeline_carries_its_history_and_what_is_true_now(make: Make, service: Service) -> None:
    timeline = make()(lambda client: client.timeline("ann", slot_hint="location", include_historical=False))
    assert (timeline.current_fact.content, timeline.history[0].is_current) == ("Lives in Austin.", True)
    assert service.requests[-1].query == {"user_id": "ann", "slot_hint": "location", "include_historical": "false"}


def test_a_removed_fact_is_true(make: Make) -> None:
    assert make()(lambda client: client.delete_fact("f1")) is True


def test_a_source_tells_what_was_said(make: Make) -> None:
    assert make()(lambda client: client.get_fact_source("f1")).content == "I live in Austin."


def test_consolidation_returns_its_job(make: Make) -> None:
    assert make()(lambda client: client.consolidate("ann")).id == "j1"


def test_a_session_is_the_service_s(make: Make) -> None:
    session = make()(lambda client: client.create_session("ann"))
    assert (session.id, session.user_id) == ("s1", "ann")


def test_a_stored_message_is_returned(make: Make, service: Service) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    message = make()(
        lambda client: client.add_message(
            "Hi", conversation_id="c1", role="assistant", metadata={"a": 1}, created_at=noon
        )
    )
    assert (message.content, message.role, message.metadata, message.created_at) == ("Hi", "assistant", {"a": 1}, noon)


def test_a_batch_returns_what_was_stored_and_counts_the_refused_in_the_log(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    turns = [{"content": text, "conversation_id": "c1", "role": "user"} for text in ("One", "", "Three")]
    stored = make()(lambda client: client.add_messages(turns))
    assert [message.content for message in stored] == ["One", "Three"]
    assert "refused 1 messages" in caplog.text


def test_a_search_returns_hits(make: Make, service: Service) -> None:
    (hit,) = make()(lambda client: client.search("Austin", top_k=2, metadata={"topic": "home"}))
    assert (hit.message_id, hit.score) == ("m1", 0.8)
    assert service.requests[-1].body["metadata"] == {"topic": "home"}


@pytest.mark.parametrize("missing", sorted(set(FACT) - {"id", "content"}))
def test_a_fact_may_lack_what_is_optional(missing: str) -> None:
    told: dict[str, Any] = {name: value for name, value in FACT.items() if name != missing}
    assert Fact.model_validate(told).content == "Lives in Austin."


def test_a_context_carries_its_text_and_what_it_quotes(make: Make, service: Service) -> None:
    context = make()(lambda client: client.context("Where?", max_tokens=100, user_id="ann"))
    assert "Lives in Austin." in context.text
    assert (context.tokens, context.degraded) == (12, False)
    assert [(quoted.message_id, quoted.role, quoted.score) for quoted in context.messages] == [("m1", "user", 0.8)]
    assert [fact.content for fact in context.facts] == ["Lives in Austin."]
    assert service.requests[-1].body == {"query": "Where?", "max_tokens": 100, "user_id": "ann"}


def test_a_context_may_lack_all_but_its_text() -> None:
    context = Context.model_validate({"text": "Something."})
    assert (context.tokens, context.messages, context.facts, context.degraded) == (0, [], [], False)


@pytest.mark.parametrize(("user_id", "path"), [("..", "%2E%2E"), ("50%/%2F", "50%25%2F%252F"), ("Zoë", "Zo%C3%AB")])
def test_no_id_changes_what_is_asked_for(make: Make, service: Service, user_id: str, path: str) -> None:
    make()(lambda client: client.list_facts(user_id))
    assert service.requests[-1].path == f"/v1/facts/{path}"


def test_text_in_any_script_arrives_as_it_was_said(make: Make, service: Service) -> None:
    make()(lambda client: client.add_message("Привет 👋", conversation_id="c1"))
    assert service.requests[-1].body["content"] == "Привет 👋"


def test_half_a_surrogate_pair_does_not_stop_the_rest(make: Make, service: Service) -> None:
    make()(lambda client: client.add_message("Hello \ud83d", conversation_id="c1"))
    assert service.requests[-1].body["content"] == "Hello ?"


def test_answers_cannot_be_changed() -> None:
    fact = Fact(id="f1", content="Lives in Austin.")
    with pytest.raises(ValueError, match="frozen"):
        fact.content = "Lives in Paris."
