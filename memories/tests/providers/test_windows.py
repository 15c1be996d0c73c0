from hypothesis import given
from hypothesis import strategies as st

from memories.providers.windows import batches, byte_windows, token_windows
from memories.tests.providers.assertions import assert_windows_cover

TEXTS = st.text(max_size=400)


@given(TEXTS, st.integers(20, 60), st.integers(0, 10))
def test_byte_windows_cover_the_text_within_the_limit(text: str, size: int, overlap: int) -> None:
    windows = byte_windows(text, size=size, overlap=overlap)
    assert_windows_cover(text, windows)
    assert all(len(window.encode()) <= size for window in windows)


def test_byte_windows_leave_a_short_text_alone() -> None:
    assert byte_windows("täglich", size=8, overlap=2) == ["täglich"]


def test_byte_windows_of_nothing_are_one_empty_window() -> None:
    assert byte_windows("", size=8, overlap=2) == [""]


def test_byte_windows_overlap() -> None:
    assert byte_windows("abcdefghij", size=6, overlap=2) == ["abcdef", "efghij"]


def test_byte_windows_do_not_cut_a_character() -> None:
    assert byte_windows("日本語日本", size=10, overlap=4) == ["日本語", "本語日", "語日本"]


def windows_by_space(text: str, *, size: int, overlap: int) -> list[str]:
    """Token windows for a toy tokenizer: every character but the space is a token, words are runs of them."""
    offsets = [(place, place + 1) for place, character in enumerate(text) if character != " "]
    words = [text.count(" ", 0, place) for place, _ in offsets]
    return token_windows(text, offsets=offsets, words=words, size=size, overlap=overlap)


@given(st.text("ab 日", max_size=200), st.integers(6, 20), st.integers(0, 5))
def test_token_windows_cover_the_text_within_the_limit(text: str, size: int, overlap: int) -> None:
    windows = windows_by_space(text, size=size, overlap=overlap)
    assert_windows_cover(text, windows)
    assert all(len(window.replace(" ", "")) <= size for window in windows)


def test_token_windows_begin_with_a_word() -> None:
    assert windows_by_space("aa bbb cc ddd", size=6, overlap=1) == ["aa bbb c", "cc ddd"]


def test_token_windows_cut_a_word_longer_than_a_window() -> None:
    assert windows_by_space("abcdefghij", size=6, overlap=2) == ["abcdef", "efghij"]


@given(st.lists(TEXTS, max_size=20), st.integers(1, 5), st.integers(1, 300))
def test_batches_keep_every_text_in_order_within_the_limits(texts: list[str], items: int, size: int) -> None:
    made = list(batches(texts, items=items, size=size))
    assert [text for batch in made for text in batch] == texts
    assert all(0 < len(batch) <= items for batch in made)
    assert all(len(batch) == 1 or sum(len(text.encode()) for text in batch) <= size for batch in made)
