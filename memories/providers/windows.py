"""Pure: how a long text becomes overlapping windows, by tokens or by bytes. Both are linear in the text."""

from collections.abc import Iterable, Iterator, Sequence


def token_windows(
    text: str,
    *,
    offsets: Sequence[tuple[int, int]],
    words: Sequence[int | None],
    size: int,
    overlap: int,
) -> list[str]:
    """Windows of at most `size` tokens, each sharing about `overlap` tokens with the one before.

    `offsets` are the tokens' places in the text, `words` the number of the word each belongs to. Windows begin where
    a word does: the tail of a word, read alone, can take more tokens than it did inside the word.
    """
    windows, first, begin = [], 0, 0
    while first + size < len(offsets):
        windows.append(text[begin : offsets[first + size][0]])
        first = _word_start(words, first + size - overlap, after=first)
        begin = offsets[first][0]
    return [*windows, text[begin:]]


def _word_start(words: Sequence[int | None], token: int, *, after: int) -> int:
    start = token
    while start > after and words[start] is not None and words[start] == words[start - 1]:
        start -= 1
    return start if start > after else token  # one word longer than a window is cut all the same


def byte_windows(text: str, *, size: int, overlap: int) -> list[str]:
    """Windows of at most `size` bytes of UTF-8, each sharing about `overlap` bytes with the one before.

    No tokenizer in use makes more tokens than there are bytes, so a window of N bytes always fits a limit of N tokens,
    whatever the language. (In English it is about a quarter of that, a good size of a passage to find.)
    """
    data, start, windows = text.encode(), 0, []
    while True:
        end = _character_start(data, start + size)
        windows.append(data[start:end].decode())
        if end == len(data):
            return windows
        start = _character_start(data, end - overlap)


def _character_start(data: bytes, position: int) -> int:
    if position >= len(data):
        return len(data)
    while data[position] & 0b1100_0000 == 0b1000_0000:  # a continuation byte of UTF-8
        position -= 1
    return position


def batches(texts: Iterable[str], *, items: int, size: int) -> Iterator[list[str]]:
    """The texts in order, in lists of at most `items` texts and `size` bytes of UTF-8 (a larger text goes alone)."""
    batch: list[str] = []
    filled = 0
    for text in texts:
        length = len(text.encode())
        if batch and (len(batch) == items or filled + length > size):
            yield batch
            batch, filled = [], 0
        batch.append(text)
        filled += length
    if batch:
        yield batch
