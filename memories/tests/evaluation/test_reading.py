"""The three forms of labelled sets, and what is said of files that are none."""

import io
import json
from datetime import UTC, datetime

import pytest

from memories.evaluation import reading
from memories.evaluation.labelled import LabelledSet, spread
from memories.imports import UnreadableFile
from memories.tests.evaluation.files import (
    MESSAGES,
    QUERIES,
    QUESTION,
    json_lines,
    locomo,
    longmemeval,
    longmemeval_entry,
)


def read(body: bytes, **options) -> LabelledSet:
    return reading.read(io.BufferedReader(io.BytesIO(body)), **options)


def refusal(body: bytes, **options) -> str:
    with pytest.raises(UnreadableFile) as refused:
        read(body, **options)
    return str(refused.value)


def contents(labelled: LabelledSet, number: int = 0) -> set[str]:
    """The texts that are relevant for a question."""
    return {one.content for one in labelled.messages if one.external_id in labelled.questions[number].relevant}


# --- LoCoMo -------------------------------------------------------------------------------------------------------


def test_a_question_of_locomo_is_asked_in_its_own_conversation() -> None:
    (question,) = read(locomo(QUESTION)).questions
    assert question.text == QUESTION["question"]
    assert (question.category, question.filters) == ("single-hop", {"conversation_id": "s-1"})


@pytest.mark.parametrize("evidence", [["D1:3"], ["D1:03"], ["D:1:3"], ["D9:9", "D1:3"], ["(D1:3)"]])
def test_evidence_is_read_leniently(evidence) -> None:
    assert contents(read(locomo(QUESTION | {"evidence": evidence}))) == {"Two hives!"}


def test_one_entry_may_name_several_turns() -> None:
    assert contents(read(locomo(QUESTION | {"evidence": ["D1:1; D1:3"]}))) == {"I keep bees now.", "Two hives!"}


@pytest.mark.parametrize("evidence", [[], ["D9:9"], ["?"], ["D1:4"]])
def test_a_question_without_usable_evidence_is_dropped_and_counted(evidence) -> None:
    labelled = read(locomo(QUESTION, QUESTION | {"evidence": evidence}))
    assert len(labelled.questions) == 1
    assert labelled.dropped["questions without usable evidence"] == 1


def test_a_turn_that_is_no_message_is_counted() -> None:
    assert read(locomo(QUESTION)).dropped == {"turns that are no message": 1}


def test_what_is_stored_of_a_turn_is_its_speaker_alone_and_no_id_of_locomo() -> None:
    first, *_ = read(locomo(QUESTION)).messages
    assert (first.role, first.metadata) == ("user", {"speaker": "Ann"})
    assert "D1" not in str(first.external_id)


def test_a_sample_without_questions_is_refused() -> None:
    assert '"qa"' in refusal(json.dumps([{"conversation": {}}]).encode())
    assert "evidence" in refusal(locomo({"question": "What?"}))


# --- LongMemEval --------------------------------------------------------------------------------------------------


def test_each_history_belongs_to_an_end_user_of_its_own() -> None:
    labelled = read(longmemeval(longmemeval_entry("q1"), longmemeval_entry("q2")))
    assert {one.user_id for one in labelled.messages} == {one.filters["user_id"] for one in labelled.questions}
    assert len({one.external_id for one in labelled.messages}) == len(labelled.messages) == 6


def test_marked_turns_are_relevant_and_so_are_their_sessions() -> None:
    labelled = read(longmemeval(longmemeval_entry()))
    assert contents(labelled) == {"The spare key lies under the pot."}
    assert labelled.questions[0].sessions == {labelled.messages[0].conversation_id}


def test_nothing_stored_gives_the_answer_away() -> None:
    labelled = read(longmemeval(longmemeval_entry("answer_q")))
    assert "answer" not in repr(labelled.messages)


def test_sessions_and_questions_have_their_times() -> None:
    labelled = read(longmemeval(longmemeval_entry()))
    assert labelled.messages[0].created_at == datetime(2023, 5, 20, 2, 21, tzinfo=UTC)
    assert labelled.messages[1].created_at == datetime(2023, 5, 20, 2, 21, 5, tzinfo=UTC)
    assert labelled.questions[0].asked_at == datetime(2023, 5, 30, 23, 40, tzinfo=UTC)


def test_questions_without_a_marked_turn_are_dropped_and_counted() -> None:
    unmarked = longmemeval_entry("q2", haystack_sessions=[[], []])
    labelled = read(longmemeval(longmemeval_entry(), longmemeval_entry("q3_abs"), unmarked))
    assert [one.id for one in labelled.questions] == ["q1"]
    assert labelled.dropped == {"questions without a marked turn": 2, "turns that are no message": 1}


def test_only_the_histories_of_the_questions_asked_are_read() -> None:
    labelled = read(longmemeval(*(longmemeval_entry(f"q{n}") for n in range(10))), limit=2)
    assert [one.id for one in labelled.questions] == ["q0", "q5"]
    assert len(labelled.messages) == 2 * 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"haystack_dates": ["2023/05/20 (Sat) 02:21"]}, "not as many"),
        ({"haystack_sessions": [["hello"], []]}, "no object"),
        ({"haystack_dates": ["yesterday", "today"]}, "2023/05/30 (Tue) 23:40"),
    ],
)
def test_a_broken_entry_is_refused(changes, said) -> None:
    assert said in refusal(longmemeval(longmemeval_entry(**changes)))


def test_missing_fields_are_named() -> None:
    assert "haystack_dates" in refusal(longmemeval({"question_id": "q1"}))


# --- JSON Lines ---------------------------------------------------------------------------------------------------


def test_messages_and_queries_may_come_as_lines() -> None:
    labelled = read(json_lines())
    assert [one.content for one in labelled.messages] == [one["content"] for one in MESSAGES]
    assert [one.id for one in labelled.questions] == ["line 5", "leak"]
    assert contents(labelled) == {"There are two hives by the fence."}


def test_a_query_may_come_before_its_messages() -> None:
    lines = json_lines().splitlines(keepends=True)
    assert len(read(b"".join(reversed(lines))).questions) == 2


def test_a_query_may_have_the_filters_of_a_search() -> None:
    filters = {"user_id": "ann", "since": "2024-03-01T00:00:00Z"}
    labelled = read(json_lines(queries=[{**QUERIES[0], "filters": filters}]))
    assert labelled.questions[0].filters == {"user_id": "ann", "since": datetime(2024, 3, 1, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "not JSON"),
        ('{"text": "?"}', "neither a message nor a query"),
        ('{"message": {"conversation_id": "c", "role": "user", "content": "x"}}', "neither a message nor a query"),
        ('{"message": {"id": "x", "conversation_id": "c", "role": "pirate", "content": "x"}}', "role"),
        ('{"message": {"id": "m1", "conversation_id": "c", "role": "user", "content": "x"}}', "m1"),
        ('{"query": {"text": "?", "relevant": []}}', "neither a message nor a query"),
        ('{"query": {"text": " ", "relevant": ["m1"]}}', "empty"),
        ('{"query": {"text": "?", "relevant": ["m1"], "top_k": 3}}', "top_k"),
        ('{"query": {"text": "?", "relevant": ["m1"], "id": "leak"}}', "leak"),
        ('{"query": {"text": "?", "relevant": ["m1"], "filters": []}}', "object"),
        ('{"query": {"text": "?", "relevant": ["m1"], "filters": {"colour": "red"}}}', "colour"),
    ],
)
def test_a_bad_line_is_named_with_what_is_expected(line, said) -> None:
    why = refusal(json_lines() + line.encode() + b"\n")
    assert why.startswith("Line 7")
    assert said in why
    assert '{"message"' in why


def test_a_query_for_a_message_that_is_not_there_is_refused() -> None:
    assert "leak" in refusal(json_lines(MESSAGES[:3]))


# --- Any of them --------------------------------------------------------------------------------------------------


def test_the_form_is_seen_from_the_content() -> None:
    bodies = (locomo(QUESTION), longmemeval(longmemeval_entry()), json_lines())
    assert [read(body).form for body in bodies] == ["locomo", "longmemeval", "jsonl"]


@pytest.mark.parametrize("body", [b"", b"hello", b"[1]", b"[", b"[]", b'{"query": 1', b"\xff\xfe"])
def test_what_is_no_labelled_set_is_refused(body) -> None:
    assert refusal(body)


def test_a_set_without_a_usable_question_is_refused() -> None:
    assert "no question" in refusal(locomo(QUESTION | {"evidence": []}))
    assert "no question" in refusal(longmemeval(longmemeval_entry("q_abs")))
    assert "no question" in refusal(json_lines(queries=[]))


def test_fewer_questions_are_spread_over_the_file() -> None:
    assert spread(range(10), limit=3) == [0, 3, 6]
    assert spread(range(3), limit=10) == spread(range(3), limit=None) == [0, 1, 2]


def test_of_locomo_only_conversations_that_are_asked_about_are_stored() -> None:
    one, other = (json.loads(locomo(QUESTION))[0] | {"sample_id": name} for name in ("s-1", "s-2"))
    labelled = read(json.dumps([one, other]).encode(), limit=1)
    assert {one.conversation_id for one in labelled.messages} == {"s-1"}
