import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.facts.statements import cosine, is_acceptable, is_meant_by, normalised, says_the_same
from memories.tests.facts.statements import Store, said
from memories.vocabulary import Slot


def known(content, slot=None, **given):
    store = Store()
    store.hear(said(content, slot, **given))
    return next(iter(store.facts.values()))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lives in Austin, Texas.", "lives in austin texas"),
        ("The user lives in São Paulo", "Lives in Sao Paulo!"),
        ("Works as an engineer.", "Works as the engineer"),
        ("Doesn't eat meat.", "Does not eat meat"),
        ("Doesn’t eat meat.", "Doesn't eat meat."),
        ("Currently lives in Rome", "Lives in Rome now."),
        ("Lives in ROME", "Lives\n in  Rome"),
        ("Wohnt in der Straße", "Wohnt in der STRASSE"),
        ("Likes self-driving cars.", "Likes self driving cars"),
    ],
)
def test_rewording_makes_no_other_statement(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Knows C++.", "Knows C."),
        ("Knows C#.", "Knows C."),
        ("Is 34 years old.", "Is 35 years old."),
        ("Runs 3.5 km.", "Runs 35 km."),
        ("Likes 🍕.", "Likes 🍣."),
        ("Has blood type A.", "Has blood type."),
        ("Lives in LA.", "Lives in."),
        ("Mag ガ.", "Mag カ."),
        ("Likes tea.", "Dislikes tea."),
    ],
)
def test_what_differs_stays_different(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(content: str) -> None:
    assert normalised(normalised(content)) == normalised(content)


@pytest.mark.parametrize(
    ("content", "confidence", "verdict"),
    [
        ("Likes tea.", 0.5, True),
        ("Likes tea.", 0.49, False),
        ("Tea", 0.9, False),
        ("Photographer", 0.9, False),
        ("I am", 0.9, False),
        ("Is a b", 0.9, True),
        ("Lives in Austin?", 0.9, False),
        ("¿Vive en Lima", 0.9, False),
        ("住在东京吗 对？", 0.9, False),
    ],
)
def test_what_is_kept(content: str, confidence: float, verdict: bool) -> None:
    assert is_acceptable(said(content, confidence=confidence)) is verdict


def test_equal_words_in_another_slot_say_something_else() -> None:
    assert not says_the_same(said("Likes Java.", Slot.TECH), known("Likes Java.", Slot.FOOD), similarity=cosine)


@pytest.mark.parametrize(("similarity", "verdict"), [(0.92, True), (0.9199, False)])
def test_nearness_in_meaning_counts_from_its_threshold(similarity: float, verdict: bool) -> None:
    one, other = said("Enjoys green tea.", Slot.FOOD), known("Likes green tea.", Slot.FOOD)
    assert says_the_same(one, other, similarity=lambda *_: similarity) is verdict


@pytest.mark.parametrize(
    ("one", "other"),
    [("Is 34 years old.", "Is 35 years old."), ("Eats meat.", "Does not eat meat."), ("Likes tea.", "Dislikes tea.")],
)
def test_nearness_never_merges_other_numbers_or_a_denial(one: str, other: str) -> None:
    assert not says_the_same(said(one), known(other), similarity=lambda *_: 1.0)


def test_cosine_of_vectors_and_of_none() -> None:
    one, other = said("Likes tea.", vector=(1.0, 0.0)), known("Likes Tee.", vector=(1.0, 1.0))
    assert cosine(one, other) == pytest.approx(0.5**0.5)
    assert cosine(said("Likes tea."), other) == 0.0
    assert cosine(said("Likes tea.", vector=(0.0, 0.0)), other) == 0.0


@pytest.mark.parametrize(
    ("negated", "stored", "slot", "verdict"),
    [
        ("Lives in Austin.", "Lives in Austin, Texas.", Slot.LOCATION, True),
        ("Lives in Austin, Texas.", "Lives in Austin.", Slot.LOCATION, True),
        ("Lives in Boston.", "Lives in Austin.", Slot.LOCATION, False),
        ("", "Works at Acme.", Slot.EMPLOYER, True),
        ("Works for Acme.", "Works at Acme.", Slot.EMPLOYER, True),
        ("Likes spicy food.", "Likes food.", Slot.FOOD, False),
        ("Likes sushi.", "Likes sushi.", Slot.FOOD, True),
        ("", "Likes sushi.", Slot.FOOD, False),
    ],
)
def test_what_a_negation_is_about(negated: str, stored: str, slot: Slot, verdict: bool) -> None:
    assert is_meant_by(known(stored, slot), negated) is verdict
