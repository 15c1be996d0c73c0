"""What the offline extractor finds in the labelled dialogues, and what supersession makes of right extractions."""

from collections import Counter

import pytest

from memories.facts.rules import extract
from memories.facts.statements import Turn
from memories.tests.facts.labelled import DIALOGUES, SESSIONS, score
from memories.tests.facts.statements import Store, day, message, said
from memories.vocabulary import Slot, TemporalState

HELD_OUT = [dialogue for dialogue in DIALOGUES if dialogue["held_out"]]
SEEN = [dialogue for dialogue in DIALOGUES if not dialogue["held_out"]]


def test_the_set_is_broad_enough() -> None:
    languages = Counter(dialogue["id"].partition("-")[0] for dialogue in DIALOGUES)
    assert len(DIALOGUES) >= 120
    assert languages["en"] > languages.total() / 2
    assert min(languages[language] for language in ("de", "fr", "es")) >= 10
    assert len(HELD_OUT) >= len(DIALOGUES) // 3 - 1


def test_ids_are_unique() -> None:
    assert len({dialogue["id"] for dialogue in DIALOGUES}) == len(DIALOGUES)


@pytest.mark.parametrize(
    ("part", "recall"), [(DIALOGUES, 0.90), (SEEN, 0.93), (HELD_OUT, 0.82)], ids=["all", "seen", "held out"]
)
def test_the_rules_are_precise_and_find_most(part, recall: float) -> None:
    measured = score(part)
    print(measured)  # noqa: T201
    assert measured.precision >= 0.9, f"{measured}; wrong: {measured.wrong}"
    assert measured.recall >= recall, str(measured)


def extracts(session, *, number: int):
    for one in session["extracts"]:
        slot = one["slot"] and Slot(one["slot"])
        given = {"confidence": one.get("confidence", 0.9), "negates": one.get("negates")}
        yield said(one["content"], slot, on=number, temporal_state=TemporalState(one["state"]), **given)


@pytest.mark.parametrize("case", SESSIONS, ids=lambda case: case["id"])
def test_right_extractions_lead_to_the_right_facts(case) -> None:
    store = Store()
    for number, session in enumerate(case["sessions"]):
        store.hear(*extracts(session, number=number))
    assert store.standings() == case["outcome"]


@pytest.mark.parametrize("case", [case for case in SESSIONS if case["for_rules"]], ids=lambda case: case["id"])
def test_the_rules_lead_to_the_right_facts(case) -> None:
    store = Store()
    for number, session in enumerate(case["sessions"]):
        turn = Turn(id=message(number), role="user", content=session["turn"], created_at=day(number))
        store.hear(*extract([turn]))
    assert store.standings() == case["outcome"]
