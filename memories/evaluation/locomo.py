"""LoCoMo (Maharana et al., ACL 2024): each sample a conversation of two people, its questions with evidence turns."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from memories.evaluation.labelled import LabelledSet, Question, masked, spread
from memories.imports import Record, UnreadableFile, sample_name
from memories.ingest import NewMessage

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
TURN_ID = re.compile(r"D:?(\d+):(\d+)")


def labelled_set(samples: Any, *, records: Iterable[Record], limit: int | None) -> LabelledSet:
    """`records` are the turns of the samples, as an import reads them. Raises UnreadableFile."""
    dropped: Counter[str] = Counter()
    turns = dict(_turns(records, dropped))
    every = [
        question
        for number, sample in enumerate(samples, start=1)
        for question in _questions(sample, sample_name(sample, number), turns=turns, dropped=dropped)
    ]
    questions = spread(every, limit=limit)
    asked = {one.filters["conversation_id"] for one in questions}
    messages = [message for message in turns.values() if message.conversation_id in asked]
    return LabelledSet("locomo", messages, questions, dropped)


def _turns(records: Iterable[Record], dropped: Counter[str]) -> Iterator[tuple[tuple[str, str], NewMessage]]:
    """By sample and place ("D1:3"). Ids and numbers of sessions are taken away, the speaker's name stays."""
    for record in records:
        if record.message is None:
            dropped["turns that are no message"] += 1
            continue
        message, metadata = record.message, record.message.metadata
        place = (message.conversation_id, _normal(str(metadata.get("dia_id"))))
        neutral = {"speaker": metadata["speaker"]}
        yield place, replace(message, external_id=masked(*place, message.external_id), metadata=neutral)


def _normal(dia_id: str) -> str:
    return next(_places(dia_id), dia_id)


def _places(text: str) -> Iterator[str]:
    """Every id of a turn in a text that may hold several ("D8:6; D9:17"), or one with a slip ("D:30:05")."""
    return (f"D{int(session)}:{int(turn)}" for session, turn in TURN_ID.findall(text))


def _questions(
    sample: Mapping[str, Any], name: str, *, turns: Mapping[tuple[str, str], NewMessage], dropped: Counter[str]
) -> Iterator[Question]:
    entries = sample.get("qa")
    if not isinstance(entries, list):
        raise UnreadableFile(f'Sample {name} has no list of questions; expected is "qa": [{{"question", "evidence"}}].')
    for number, entry in enumerate(entries, start=1):
        match entry:
            case {"question": str(text), "evidence": evidence} if text.strip():
                found = [turns.get((name, place)) for place in _places(str(evidence))]
                relevant = frozenset(turn.external_id for turn in found if turn and turn.external_id)
            case _:
                raise UnreadableFile(f'Question {number} of sample {name} has no "question" or no "evidence".')
        if not relevant:
            dropped["questions without usable evidence"] += 1
            continue
        kind = entry.get("category")
        category = CATEGORIES.get(kind, str(kind))
        yield Question(f"{name} {number}", text, relevant, category=category, filters={"conversation_id": name})
