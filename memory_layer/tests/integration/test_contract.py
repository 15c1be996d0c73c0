"""The SDK and the service mean the same: every method, blocking and awaited, gets a typed and filled answer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from memoire import Context, Fact, FactSource, Hit, Job, Memoire, MemoireAsync, Message, Profile, Session, TimelineEntry
from pydantic import BaseModel

from memory_layer.tests.integration.conftest import USER, Service, got

SAID, STATED = "I live in Austin.", "Lives in Austin."


def is_filled(answer: BaseModel, *, but: str = "") -> bool:
    """Every field of the shape was in the service's answer, but that one."""
    return answer.model_fields_set == type(answer).model_fields.keys() - {but}


@pytest.fixture(params=[Memoire, MemoireAsync])
def memory(request: pytest.FixtureRequest, service: Service) -> Iterator[Any]:
    """A client that raises where it would else go on without memory."""
    memory = request.param(service.key, service.url, timeout=30, strict=True)
    yield memory
    got(memory.close())


@pytest.fixture
def fact(memory, service):
    """What was read from an ingested turn."""
    got(memory.ingest(SAID, session_id="monday", user_id=USER, metadata={"page": 1}, created_at=datetime.now(UTC)))
    assert got(memory.flush(30))
    service.until_read()
    (fact,) = got(memory.list_facts(USER, limit=5, category="biographical"))
    return fact


def test_create_session(memory):
    session = got(memory.create_session(USER))
    assert isinstance(session, Session)
    assert is_filled(session)
    assert session.user_id == USER


def test_ingest(memory, service, fact):
    assert service.turns("monday") == [("user", SAID)]
    assert memory.dropped == 0


def test_list_facts(fact):
    assert isinstance(fact, Fact)
    assert is_filled(fact, but="score")
    assert (fact.content, fact.slot_hint, fact.temporal_state) == (STATED, "location", "current")


@pytest.mark.parametrize(
    "options",
    [{}, {"limit": 1, "categories": ["biographical"], "max_age_days": 7}, {"include_historical": True}],
    ids=["plain", "filtered", "historical"],
)
def test_recall(memory, fact, options):
    (recalled,) = got(memory.recall("Where do I live?", user_id=USER, **options))
    assert isinstance(recalled, Fact)
    assert is_filled(recalled)
    assert recalled.content == STATED
    assert 0 < (recalled.score or 0) <= 1


def test_get_conscious(memory, fact):
    conscious = got(memory.get_conscious(USER, max_facts=3))
    assert conscious.user_id == USER
    assert [one.content for one in conscious.essential_facts] == [STATED]
    assert isinstance(conscious.profile, Profile)
    assert is_filled(conscious)


def test_get_fact_source(memory, fact):
    source = got(memory.get_fact_source(fact.id))
    assert isinstance(source, FactSource)
    assert is_filled(source)
    assert (source.content, source.role, source.session_id) == (SAID, "user", "monday")


def test_delete_fact(memory, fact):
    assert got(memory.delete_fact(fact.id)) is True
    assert got(memory.delete_fact(fact.id)) is False
    assert got(memory.list_facts(USER)) == []


def test_timeline(memory, fact):
    timeline = got(memory.timeline(USER, slot_hint="location", category="biographical", include_historical=False))
    (entry,) = timeline.history
    assert isinstance(entry, TimelineEntry)
    assert is_filled(timeline)
    assert is_filled(entry)
    assert timeline.current_fact.content == entry.content == STATED


def test_consolidate(memory, service, fact):
    job = got(memory.consolidate(USER))
    assert isinstance(job, Job)
    assert is_filled(job)
    assert service.get(f"/v1/jobs/{job.id}")["id"] == job.id


def test_add_message(memory):
    given = {"metadata": {"page": 1}, "importance_override": 0.5, "created_at": datetime.now(UTC), "external_id": "m-1"}
    message = got(memory.add_message(SAID, conversation_id="monday", role="assistant", user_id=USER, **given))
    assert isinstance(message, Message)
    assert is_filled(message)
    assert (message.content, message.role, message.metadata) == (SAID, "assistant", {"page": 1})


def test_add_messages(memory):
    turn = {"conversation_id": "monday", "role": "user"}
    stored = got(memory.add_messages([turn | {"content": SAID}, turn | {"content": "It is warm there."}]))
    assert [message.content for message in stored] == [SAID, "It is warm there."]
    assert all(is_filled(message) for message in stored)


def test_a_message_of_a_batch_that_is_refused_is_left_out(memory, caplog):
    turn = {"conversation_id": "monday", "role": "user"}
    (stored,) = got(memory.add_messages([turn | {"content": SAID}, turn | {"content": ""}]))
    assert stored.content == SAID
    assert "refused 1 message" in caplog.text


def test_search(memory):
    for text in ("Hello.", SAID, "Goodbye."):
        got(memory.add_message(text, conversation_id="monday", user_id=USER, metadata={"page": 1}))
    hours = timedelta(hours=1)
    given = {"since": datetime.now(UTC) - hours, "until": datetime.now(UTC) + hours, "metadata": {"page": 1}}
    options = {"mode": "lexical", "role": "user", "importance_min": 0.0, "include_archived": True, "neighbours": 1}
    (hit,) = got(
        memory.search("Austin", top_k=1, conversation_id="monday", user_id=USER, explain=True, **given, **options)
    )
    assert isinstance(hit, Hit)
    assert is_filled(hit)
    assert hit.content == SAID
    assert [turn.content for turn in hit.before + hit.after] == ["Hello.", "Goodbye."]
    assert hit.explain


def test_context(memory, fact):
    context = got(memory.context("Where do I live?", user_id=USER, max_tokens=300, neighbours=0))
    assert isinstance(context, Context)
    assert is_filled(context)
    assert is_filled(context.messages[0])
    assert SAID in context.text
    assert [one.content for one in context.facts] == [STATED]
    assert 0 < context.tokens <= 300
