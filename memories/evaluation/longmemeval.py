"""LongMemEval (Wu et al., ICLR 2025): each question has a history of its own, tens or hundreds of sessions long.

Here each history belongs to an end user of its own, each session is a conversation.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from memories.evaluation.labelled import LabelledSet, Question, masked, spread
from memories.imports import Checker, UnreadableFile
from memories.ingest import NewMessage

TIME = "%Y/%m/%d %H:%M"
WEEKDAY = re.compile(r"\s*\(\w+\)\s*")
TURN = timedelta(seconds=5)
FIELDS = ("question_id", "question", "haystack_session_ids", "haystack_dates", "haystack_sessions")


@dataclass(frozen=True)
class _Turn:
    """One turn of a history: `session` is the id of its conversation, `is_answer` that it was marked as such."""

    message: NewMessage
    session: str
    is_answer: bool


def is_likely(entries: Any) -> bool:
    return bool(isinstance(entries, list) and entries and isinstance(entries[0], dict) and "question_id" in entries[0])


def labelled_set(entries: Any, *, checker: Checker, limit: int | None) -> LabelledSet:
    """Only the histories of the questions that are asked are read. Raises UnreadableFile."""
    if not isinstance(entries, list):
        raise UnreadableFile("It is JSON, but not LongMemEval's, a list of questions with a history each.")
    for number, entry in enumerate(entries, start=1):
        _refuse_other_shapes(entry, number)
    usable = [entry for entry in entries if _has_answer(entry)]
    dropped = Counter({"questions without a marked turn": len(entries) - len(usable)})
    messages: list[NewMessage] = []
    questions: list[Question] = []
    for entry in spread(usable, limit=limit):
        turns = list(_turns(entry, checker, dropped))
        messages += [turn.message for turn in turns]
        questions.append(_question(entry, turns))
    return LabelledSet("longmemeval", messages, [one for one in questions if one.relevant], +dropped)


def _refuse_other_shapes(entry: Any, number: int) -> None:
    missing = [name for name in FIELDS if name not in entry] if isinstance(entry, dict) else list(FIELDS)
    if missing:
        raise UnreadableFile(f"Entry {number} has no {', '.join(missing)}; expected is the JSON of LongMemEval.")
    lengths = {len(entry[name]) if isinstance(entry[name], list) else -1 for name in FIELDS[2:]}
    if len(lengths) > 1 or -1 in lengths:
        raise UnreadableFile(f"Entry {number} has not as many sessions as session ids and dates.")
    if not all(isinstance(turn, dict) for session in entry["haystack_sessions"] for turn in session):
        raise UnreadableFile(f"Entry {number} has a turn that is no object with role and content.")


def _has_answer(entry: Mapping[str, Any]) -> bool:
    """Abstention questions, whose ids end in `_abs`, have none: there is nothing to be found."""
    marked = any(turn.get("has_answer") for session in entry["haystack_sessions"] for turn in session)
    return marked and not str(entry["question_id"]).endswith("_abs")


def _turns(entry: Mapping[str, Any], checker: Checker, dropped: Counter[str]) -> Iterator[_Turn]:
    """Session ids ("answer_4be1b6b4_1") are masked, as are all others."""
    user_id = masked(entry["question_id"])
    sessions = zip(entry["haystack_dates"], entry["haystack_sessions"], strict=True)
    for number, (date, turns) in enumerate(sessions):
        session, began_at = masked(user_id, number), _time(date)
        for index, turn in enumerate(turns):
            given = {
                "conversation_id": session,
                "user_id": user_id,
                "role": turn.get("role"),
                "content": turn.get("content"),
                "created_at": (began_at + index * TURN).isoformat(),
                "external_id": masked(session, index),
            }
            record = checker.record(f"session {number}", 0, lambda given=given: given)  # type: ignore[misc]
            if record.message:
                yield _Turn(record.message, session, bool(turn.get("has_answer")))
            else:
                dropped["turns that are no message"] += 1


def _question(entry: Mapping[str, Any], turns: list[_Turn]) -> Question:
    user_id = masked(entry["question_id"])
    answers = set(entry.get("answer_session_ids", ()))
    named = {masked(user_id, n) for n, one in enumerate(entry["haystack_session_ids"]) if one in answers}
    return Question(
        str(entry["question_id"]),
        str(entry["question"]),
        frozenset(str(one.message.external_id) for one in turns if one.is_answer),
        category=str(entry.get("question_type", "")),
        sessions=frozenset(named | {one.session for one in turns if one.is_answer}),
        filters={"user_id": user_id},
        asked_at=_time(entry["question_date"]) if "question_date" in entry else None,
    )


def _time(text: Any) -> datetime:
    """Of "2023/05/30 (Tue) 23:40". Raises UnreadableFile."""
    try:
        return datetime.strptime(WEEKDAY.sub(" ", str(text)), TIME).replace(tzinfo=UTC)
    except ValueError:
        raise UnreadableFile(f'The time {text!r} is not like "2023/05/30 (Tue) 23:40".') from None
