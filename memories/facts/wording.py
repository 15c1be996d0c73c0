"""The words of questions and facts, brought to one form.

"Où habite ma sœur ?" is to find "Has a sister who lives in Boston.", by its words as well. So case and accents do not
count, the few words that questions about people are made of have one form each (`lexicon`), and all others stay as they
are. Text without spaces (CJK) is read as overlapping pairs of characters.
"""

import re
from collections.abc import Collection, Iterator
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from memories.facts.lexicon import ONE_FORM, PHRASES, STOP, fold

CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
WORD = re.compile(rf"[{CJK}]+|[^\W_{CJK}]+(?:[+#]+(?!\w))?")
UNSPACED = re.compile(rf"[{CJK}]")
KNOWN = frozenset(ONE_FORM) | STOP
SLIP = 0.75  # of the letters are right: one slip in a word of four, two in one of eight
WORDS_MAX = 100  # of a question: what a longer text asks, its vector tells better
LETTERS_MIN = 4  # shorter words are too like each other
SPELLINGS = sorted(word for word in KNOWN if len(word) >= LETTERS_MIN)


def split(text: str) -> list[str]:
    """The words of a folded text, in order."""
    found = WORD.findall(text)
    if text.isascii() or not UNSPACED.search(text):
        return found
    return [part for word in found for part in (_pairs(word) if UNSPACED.match(word) else [word])]


def asked_words(question: str) -> list[str]:
    """What a question asks about: its words in their one form, slips of the pen seen to, without stop words."""
    text = fold(question)
    for pattern, instead in PHRASES:
        text = pattern.sub(instead, text)
    respelt = (_respelt(word) for word in split(text)[:WORDS_MAX])
    return list(dict.fromkeys(ONE_FORM.get(word, word) for word in respelt if word not in STOP))


def _pairs(run: str) -> list[str]:
    return [run[n : n + 2] for n in range(len(run) - 1)] or [run]


@lru_cache(maxsize=4096)
def _respelt(word: str) -> str:
    """The word that we know where letters of it are only swapped, missing or doubled; else the word itself."""
    if not is_unknown(word):
        return word
    near = process.extract(word, SPELLINGS, scorer=OSA.normalized_similarity, score_cutoff=SLIP, limit=5)
    return next((known for known, _, _ in near if _is_a_slip(word, known)), word)


def _is_a_slip(word: str, known: str) -> bool:
    return word[0] == known[0] and (len(word) != len(known) or sorted(word) == sorted(known))


def is_unknown(word: str) -> bool:
    """Whether it is a word of its own, not in the lexicon, and long enough to be guessed at."""
    return len(word) >= LETTERS_MIN and word not in KNOWN


def alike(word: str, others: Collection[str]) -> Iterator[tuple[str, float]]:
    """Those unknown words among `others` that may be this unknown one, misspelt; with how alike they are, SLIP to 1."""
    for other, degree, _ in process.extract(
        word, others, scorer=OSA.normalized_similarity, score_cutoff=SLIP, limit=None
    ):
        if is_unknown(other):
            yield other, degree
