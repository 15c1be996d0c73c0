import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from memories.ranking.bm25 import USUAL_LENGTH, covered, rarity

frequencies = st.lists(st.integers(0, 1000), min_size=1, max_size=8)
lengths = st.integers(0, 40_000)
turns = st.integers(1, 3)


def rarities(frequencies: list[int]) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(0.001, 15), min_size=len(frequencies), max_size=len(frequencies))


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_every_word_tells_something(messages_with: int, of: int) -> None:
    assert rarity(messages_with, of=of) > 0


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_rarer_word_tells_more(messages_with: int, of: int) -> None:
    assert rarity(messages_with, of=of) > rarity(messages_with + 1, of=of)


@given(st.data(), frequencies, lengths, turns)
def test_what_is_covered_is_a_share(data, often: list[int], length: int, turns: int) -> None:
    assert 0 <= covered(often, data.draw(rarities(often)), length=length, turns=turns) <= 1


@given(st.data(), frequencies, lengths, turns)
def test_more_of_a_word_never_covers_less(data, often: list[int], length: int, turns: int) -> None:
    weights, place = data.draw(rarities(often)), data.draw(st.integers(0, len(often) - 1))
    more = [count + (at == place) for at, count in enumerate(often)]
    assert covered(more, weights, length=length, turns=turns) >= covered(often, weights, length=length, turns=turns)


@given(st.data(), frequencies, lengths, turns)
def test_a_longer_text_covers_less(data, often: list[int], length: int, turns: int) -> None:
    assume(any(often))
    weights = data.draw(rarities(often))
    assert covered(often, weights, length=length + 1, turns=turns) < covered(often, weights, length=length, turns=turns)


def test_three_turns_may_be_three_times_as_long() -> None:
    alone = covered([1], [1.0], length=USUAL_LENGTH)
    assert covered([1], [1.0], length=3 * USUAL_LENGTH, turns=3) == pytest.approx(alone)


def test_a_word_in_a_text_of_usual_length_counts_by_the_formula() -> None:
    assert covered([1, 0], [3.0, 1.0], length=USUAL_LENGTH) == pytest.approx(0.75 * 1 / (1 + 1.2))


def test_without_words_nothing_is_covered() -> None:
    assert covered([], [], length=7) == 0


def test_each_word_has_its_weight() -> None:
    with pytest.raises(ValueError, match="mismatch"):
        covered([1, 1], [1.0], length=7)
