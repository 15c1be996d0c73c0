"""The labelled dialogues: what they should yield, and how what they yield compares.

`dialogues.jsonl`: turns, and the facts that they state (a key phrase of each). A third of them is `held_out`: what goes
wrong there is not looked at while patterns are tuned. `natural` ones were written after the patterns, to trip them.
`sessions.jsonl`: what a person said on one day after another, what is to be extracted, and where each fact stands in
the end.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memories.facts.rules import extract
from memories.facts.statements import Candidate, Turn
from memories.tests.facts.statements import day, message

HERE = Path(__file__).parent


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


DIALOGUES = read("dialogues.jsonl")
SESSIONS = read("sessions.jsonl")


@dataclass(frozen=True)
class Score:
    """How many facts were extracted, how many of them rightly, and how many there were."""

    right: int
    extracted: int
    expected: int
    wrong: tuple[str, ...]

    @property
    def precision(self) -> float:
        return self.right / self.extracted

    @property
    def recall(self) -> float:
        return self.right / self.expected

    def __str__(self) -> str:
        shares = f"precision {self.precision:.3f} ({self.right}/{self.extracted}), "
        return shares + f"recall {self.recall:.3f} ({self.right}/{self.expected})"


def turns_of(dialogue: dict[str, Any]) -> list[Turn]:
    return [
        Turn(id=message(number), role=turn["role"], content=turn["content"], created_at=day(number))
        for number, turn in enumerate(dialogue["turns"])
    ]


def score(dialogues: Iterable[dict[str, Any]]) -> Score:
    right = extracted = expected = 0
    wrong: list[str] = []
    for dialogue in dialogues:
        candidates = extract(turns_of(dialogue))
        unexpected = list(_unexpected(candidates, dialogue["expect"]))
        wrong += [f"{dialogue['id']}: {candidate.content}" for candidate in unexpected]
        extracted, expected = extracted + len(candidates), expected + len(dialogue["expect"])
        right += len(candidates) - len(unexpected)
    return Score(right, extracted, expected, tuple(wrong))


def _unexpected(candidates: list[Candidate], expected: list[dict[str, Any]]) -> Iterator[Candidate]:
    """The candidates that no expectation is left for; each expectation is met once."""
    left = list(expected)
    for candidate in candidates:
        met = next((one for one in left if _meets(candidate, one)), None)
        if met is None:
            yield candidate
        else:
            left.remove(met)


def _meets(candidate: Candidate, expected: dict[str, Any]) -> bool:
    place = (candidate.category, candidate.slot, candidate.temporal_state)
    same_place = place == (expected["category"], expected["slot"], expected["state"])
    return same_place and expected["phrase"].casefold() in candidate.content.casefold()
