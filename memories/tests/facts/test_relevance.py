"""How well facts answer questions: what must always hold, and the labelled questions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.facts.hints import DEMANDS, read
from memories.facts.relevance import ENOUGH, Columns, Judge, Statement, score
from memories.providers.sentence_transformer import SentenceTransformerProvider
from memories.tests.facts.questions import PEOPLE, WAYS, embedded, measured
from memories.vocabulary import Slot

CONTENTS = sorted({fact["content"] for person in PEOPLE for fact in person["facts"].values()})
QUESTIONS = sorted({question["text"] for person in PEOPLE for question in person["questions"]})
ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
questions = st.sampled_from(QUESTIONS) | ANY_TEXT
statements = st.builds(
    Statement,
    content=st.sampled_from(CONTENTS) | ANY_TEXT,
    slot=st.sampled_from(Slot.values) | st.none(),
    similarity=st.floats(-1, 1) | st.none(),
    is_past=st.booleans(),
)


def relevance(question: str, content: str, slot: Slot | None = None, *, similarity: float | None = None) -> float:
    return Judge(read(question)).relevance(Statement(content, slot, similarity))


def columns(facts: Sequence[Statement], *, order: Sequence[int]) -> Columns:
    """The facts in that order; the id of each is its place in `facts`."""
    return Columns([str(n) for n in order], [facts[n].slot for n in order], [facts[n].content for n in order])


# --- What always holds ------------------------------------------------------------------------------------------------


@given(questions, statements)
def test_relevance_is_a_share(question: str, fact: Statement) -> None:
    assert 0 <= Judge(read(question)).relevance(fact) <= 1


@given(st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_a_score_is_a_share(relevant: float, confidence: float, is_essential: bool) -> None:
    assert 0 <= score(relevant, confidence=confidence, is_essential=is_essential) <= 1


@given(questions, statements)
def test_meaning_never_counts_against_an_answer(question: str, fact: Statement) -> None:
    judge = Judge(read(question))
    assert judge.relevance(fact) >= judge.relevance(replace(fact, similarity=None)) - 1e-12


@given(st.sampled_from(QUESTIONS), statements.filter(lambda fact: fact.slot not in {"family", "friend", "colleague"}))
def test_a_hint_never_hides_a_fact(question: str, fact: Statement) -> None:
    judge = Judge(read(question))
    assert judge.relevance(fact) >= judge.relevance(replace(fact, slot=None)) - 1e-12


@given(questions, st.lists(statements, max_size=8))
def test_a_judge_says_the_same_whatever_it_judged_before(question: str, facts: list[Statement]) -> None:
    judge = Judge(read(question))
    assert [judge.relevance(fact) for fact in facts] == [Judge(read(question)).relevance(fact) for fact in facts]


@given(questions, st.lists(statements, max_size=8), st.randoms())
def test_candidates_do_not_depend_on_the_order_of_the_facts(question: str, facts: list[Statement], random) -> None:
    order = random.sample(range(len(facts)), len(facts))
    one, other = columns(facts, order=range(len(facts))), columns(facts, order=order)
    judge = Judge(read(question))
    assert judge.most_covering(one, limit=5) == Judge(read(question)).most_covering(other, limit=5)


@given(questions, st.lists(statements, min_size=1, max_size=8))
def test_what_words_alone_answer_is_among_the_candidates(question: str, facts: list[Statement]) -> None:
    judge = Judge(read(question))
    candidates = judge.most_covering(columns(facts, order=range(len(facts))), limit=len(facts))
    by_words = [replace(fact, similarity=None) for fact in facts]
    worded = read(question).words and DEMANDS.keys().isdisjoint(read(question).words)
    answers = {str(n) for n, fact in enumerate(by_words) if worded and judge.relevance(fact) >= ENOUGH}
    assert answers <= set(candidates)


# --- By words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "content"),
    [
        ("what's my dogs name", "Has a dog named Biscuit."),
        ("waht is my dogs nmae", "Has a dog named Biscuit."),
        ("Où habite ma sœur ?", "Has a sister who lives in Boston."),
        ("Wo wohnt mein Bruder?", "Has family (hermano) who vive en Lima."),
        ("do I have any pets", "Has a cat called Miso."),
        ("do I play the xylophone?", "Plays the xylofone."),
        ("我喜欢摄影吗", "喜欢摄影."),
        ("who is Annika?", "Has a friend Annika."),
    ],
)
def test_words_alone_can_tell(question: str, content: str) -> None:
    assert relevance(question, content) >= ENOUGH


@pytest.mark.parametrize(
    ("question", "content", "slot"),
    [
        ("what is my sister's phone number?", "Has a sister who lives in Boston.", Slot.FAMILY),
        ("where does my sister live?", "Lives in Austin, Texas.", Slot.LOCATION),
        ("where do I live?", "Has a sister who lives in Boston.", Slot.FAMILY),
        ("what's my dog called?", "Has a cat called Miso.", Slot.LIFESTYLE),
        ("what do I do for work?", "Likes sushi.", Slot.FOOD),
        ("how are you?", "Lives in Austin, Texas.", Slot.LOCATION),
    ],
)
def test_near_misses_are_no_answers(question: str, content: str, slot: Slot) -> None:
    assert relevance(question, content, slot) < ENOUGH


def test_a_slot_answers_in_other_words() -> None:
    assert relevance("Was darf ich nicht essen?", "Is allergic to peanuts.") < ENOUGH
    assert relevance("Was darf ich nicht essen?", "Is allergic to peanuts.", Slot.FOOD) >= ENOUGH


def test_the_past_is_told_from_the_present() -> None:
    now = Statement("Lives in Austin.", Slot.LOCATION)
    then = Statement("Lived in Denver.", Slot.LOCATION, is_past=True)
    asked, asked_of_then = Judge(read("where do I live?")), Judge(read("where did I live before?"))
    assert asked.relevance(now) > asked.relevance(then)
    assert asked_of_then.relevance(then) > asked_of_then.relevance(now)


def test_an_impersonal_question_needs_more() -> None:
    personal, impersonal = "what is my favourite sushi?", "what is the best sushi?"
    assert (
        relevance(personal, "Likes sushi.", similarity=0.4) >= ENOUGH > relevance(impersonal, "Is 4.", similarity=0.4)
    )


def test_confidence_decides_between_near_equals_only() -> None:
    sure = score(0.60, confidence=0.9, is_essential=True)
    assert sure > score(0.62, confidence=0.2, is_essential=False)
    assert sure < score(0.80, confidence=0.2, is_essential=False)


def test_those_that_cover_most_come_first() -> None:
    contents = ["Likes jazz.", "Has a sister in Boston.", "Has a sister who lives in Boston.", "Is tall."]
    facts = columns([Statement(content) for content in contents], order=range(4))
    assert Judge(read("does my sister live in Boston?")).most_covering(facts, limit=5) == ["2", "1"]


# --- The labelled questions -------------------------------------------------------------------------------------------


@pytest.fixture
def model(bundled: SentenceTransformerProvider) -> SentenceTransformerProvider:
    return bundled


def test_the_set_is_broad_enough() -> None:
    asked = [question for person in PEOPLE for question in person["questions"]]
    languages = Counter(question["language"] for question in asked)
    assert len(PEOPLE) >= 20
    assert len(asked) >= 150
    assert sum(not question["answers"] for question in asked) >= len(asked) * 0.32
    assert min(languages[language] for language in ("fr", "de", "es")) >= 20
    assert all(8 <= len(person["facts"]) <= 25 for person in PEOPLE)


def test_labels_name_facts() -> None:
    for person in PEOPLE:
        for question in person["questions"]:
            assert set(question["answers"]) <= person["facts"].keys(), question["text"]


def test_general_questions_are_known_as_such() -> None:
    for person in PEOPLE:
        for question in person["questions"]:
            assert read(question["text"]).is_general == (person["person"] == "general"), question["text"]


@pytest.mark.parametrize(("held_out", "recall", "hit", "silent"), [(False, 0.88, 0.9, 0.95), (True, 0.88, 0.84, 0.8)])
def test_answers_are_found_and_silence_is_kept(model, held_out: bool, recall: float, hit: float, silent: float) -> None:
    found = measured(WAYS["fused, with hints"], embedded(model), held_out=held_out)
    print(found)  # noqa: T201
    assert found.recall >= recall, str(found)
    assert found.hit >= hit, str(found)
    assert found.silent >= silent, str(found)


@pytest.mark.parametrize("held_out", [False, True])
def test_each_part_earns_its_keep(model, held_out: bool) -> None:
    found = {name: measured(way, embedded(model), held_out=held_out) for name, way in WAYS.items()}
    for name, one in found.items():
        print(f"{name}: {one}")  # noqa: T201
    worth = [one.recall + one.hit + one.silent for one in found.values()]
    assert worth[0] < worth[2] < worth[3]
    assert worth[1] < worth[3]
