"""Small labelled sets of the three forms, made up."""

import json
from typing import Any

QUESTION = {"question": "How many hives does Ann have?", "evidence": ["D1:3"], "category": 4}
MESSAGES: list[dict[str, Any]] = [
    {"id": "m1", "conversation_id": "garden", "role": "user", "content": "I keep bees now."},
    {"id": "m2", "conversation_id": "garden", "role": "assistant", "content": "How many hives are there?"},
    {"id": "m3", "conversation_id": "garden", "role": "user", "content": "There are two hives by the fence."},
    {"id": "m4", "conversation_id": "boat", "role": "user", "content": "The boat leaks near the rudder."},
]
QUERIES: list[dict[str, Any]] = [
    {"text": "two hives by the fence", "relevant": ["m3"], "category": "garden"},
    {"text": "what leaks near the rudder", "relevant": ["m4"], "category": "boat", "id": "leak"},
]


def locomo(*questions: dict[str, Any]) -> bytes:
    turns = [
        {"speaker": "Ann", "dia_id": "D1:1", "text": "I keep bees now."},
        {"speaker": "Ben", "dia_id": "D1:2", "text": "How many hives?"},
        {"speaker": "Ann", "dia_id": "D1:3", "text": "Two hives!"},
        {"speaker": "Ann", "dia_id": "D1:4", "text": "   "},
    ]
    conversation = {
        "speaker_a": "Ann",
        "speaker_b": "Ben",
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": turns,
    }
    return json.dumps([{"sample_id": "s-1", "qa": list(questions), "conversation": conversation}]).encode()


def longmemeval_entry(name: str = "q1", **changes: Any) -> dict[str, Any]:
    return {
        "question_id": name,
        "question_type": "single-session-user",
        "question": "Where is the spare key?",
        "question_date": "2023/05/30 (Tue) 23:40",
        "answer": "under the pot",
        "answer_session_ids": ["answer_7"],
        "haystack_session_ids": ["answer_7", "chat_3"],
        "haystack_dates": ["2023/05/20 (Sat) 02:21", "2023/05/21 (Sun) 09:00"],
        "haystack_sessions": [
            [
                {"role": "user", "content": "The spare key lies under the pot.", "has_answer": True},
                {"role": "assistant", "content": "Good to know."},
            ],
            [{"role": "user", "content": "Name a song about rain."}, {"role": "assistant", "content": ""}],
        ],
    } | changes


def longmemeval(*entries: dict[str, Any]) -> bytes:
    return json.dumps(entries).encode()


def json_lines(
    messages: list[dict[str, Any]] = MESSAGES,
    queries: list[dict[str, Any]] = QUERIES,
) -> bytes:
    lines = [{"message": one} for one in messages] + [{"query": one} for one in queries]
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()
