import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from memories.facts.duplicates import duplicates

EAST, NORTH, NOTHING = [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]


def found(*facts: tuple[str, list[float]]) -> list[tuple[int, int]]:
    return duplicates([content for content, _ in facts], np.array([row for _, row in facts], dtype=np.float32))


def test_near_vectors_are_duplicates():
    assert found(("Likes tea.", EAST), ("Is fond of tea.", EAST), ("Likes chess.", NORTH)) == [(0, 1)]


def test_equal_words_are_duplicates_without_vectors():
    assert found(("Likes tea.", NOTHING), ("likes tea", NOTHING)) == [(0, 1)]


def test_missing_vectors_are_near_nothing():
    assert found(("Likes tea.", NOTHING), ("Likes chess.", NOTHING)) == []


def test_other_numbers_are_another_fact():
    assert found(("Is 34 years old.", EAST), ("Is 35 years old.", EAST)) == []


@given(st.lists(st.sampled_from([EAST, NORTH, NOTHING]), max_size=12))
def test_no_survivor_gives_way_and_nobody_gives_way_twice(rows):
    pairs = found(*((f"Likes dish {'x' * place}.", row) for place, row in enumerate(rows)))
    gone = [duplicate for _, duplicate in pairs]
    assert len(gone) == len(set(gone))
    assert not {survivor for survivor, _ in pairs} & set(gone)
    assert all(survivor < duplicate for survivor, duplicate in pairs)
