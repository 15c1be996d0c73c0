"""The words of a text, as search knows them. Pure: text in, terms out.

A term is the stem of a word without its accents ("paint"), a whole identifier (`=err_conn-42`), or one or two
characters of a script without spaces. The words that only hold a sentence together are left out.
"""

import hashlib
import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import Stemmer

from memories.ranking.function_words import FUNCTION_WORDS

DEFAULT_LANGUAGE = "english"
EXACT = "="
SPEAKER, LABEL = "@", ":"  # who said it, by its metadata; what the text begins with, which may be no name: "Error: …"
SPEAKER_KEYS = ("speaker", "name", "author", "sender")  # of metadata
NAME_AND_COLON = re.compile(r"\s*([^\W\d_][\w.'’-]{0,40}(?: [^\W\d_][\w.'’-]{0,40})?):\s")
TERM_MAX = 64  # characters; what is longer is known by its digest

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003134f"
)
LANGUAGE_OF_SCRIPT = {
    "arabic": "\u0600-\u06ff",
    "armenian": "\u0530-\u058f",
    "greek": "\u0370-\u03ff",
    "hindi": "\u0900-\u097f",
    "russian": "\u0400-\u04ff",
    "tamil": "\u0b80-\u0bff",
    "yiddish": "\u0590-\u05ff",
}
LETTERS_OF = {  # that tell as much as a function word
    "portuguese": frozenset("ãõ"),
    "spanish": frozenset("ñ¿¡"),
    "swedish": frozenset("å"),
    "turkish": frozenset("ğış"),
}
UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
MARKS = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0971-\u0dff\u200c\u200d"  # within words
)
WORD = re.compile(rf"[^\W_{UNSPACED}](?:[^\W_{UNSPACED}]|[{MARKS}])*")
APOSTROPHE = re.compile("['’]")
ENGLISH_ENDING = re.compile(r"(?<=\w)['’](?:s|t|d|m|ll|re|ve)\b")
ROMANCE_ELISION = re.compile(r"\b(?:l|d|j|n|c|s|t|m|qu)['’](?=\w)")
ACCENTS = re.compile(r"[\u0300-\u036f]+")
ONE_WITH_THE_LETTER = str.maketrans({"ı": "i", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe"})
AROUND_A_TOKEN = "\"'`“”‘’«»„()[]{}<>.,;:!?…*¿¡。、！？「」"  # noqa: S105 - punctuation
BEFORE_A_TOKEN = AROUND_A_TOKEN.replace(".", "")  # ".NET", ".env"
IDENTIFIER = re.compile(rf"[^\W\d_].*\d|\d.*[^\W\d_]|\w[^\w\s'’{MARKS}]+\w|\w_\w|\w(?:\+\+|#)$|^[@#$/\\.]\w|\d{{5}}")
# Telephone and account numbers, however they are spaced.
GROUPS = re.compile(r"(?<!\w)(?:[a-z]{2}\d\d(?: [a-z\d]{4})+(?: [a-z\d]{1,3})?|\+?\(?\d+(?:[ ()/.-]{1,2}\d+)+)(?!\w)")
GROUPS_MIN = 7  # characters
SPOKEN_IN = {  # by function word
    word: [language for language, words in FUNCTION_WORDS.items() if word in words]
    for word in frozenset().union(*FUNCTION_WORDS.values())
}

_local = threading.local()  # a stemmer may serve one thread at a time


def terms(text: str, *, language: str = "") -> list[str]:
    """The terms of a stored text, repetitions included; `language` is a Snowball algorithm, "" for a guess."""
    folded = _folded(text)
    words = _words(folded)
    spoken = language or _language_of(words, folded) or DEFAULT_LANGUAGE
    function_words = FUNCTION_WORDS.get(spoken, frozenset())
    stems = [_stem_term(word, spoken) for word in words if word not in function_words]
    return [*stems, *_unspaced(folded), *_identifiers(folded)]


def alternatives(text: str, *, language: str = "") -> list[frozenset[str]]:
    """For each word of a query the terms that it may stand as: in its language if that is known, else in any."""
    folded = _folded(text)
    words = _words(folded)
    known = language or _language_of(words, folded)
    languages = {known, DEFAULT_LANGUAGE} if known else set(FUNCTION_WORDS)
    function_words = FUNCTION_WORDS.get(known or DEFAULT_LANGUAGE, frozenset())
    asked = [_alternatives(word, languages) for word in words if word not in function_words]
    whole = [frozenset({term}) for term in (*_unspaced(folded, is_query=True), *_identifiers(folded))]
    return list(dict.fromkeys([*asked, *whole]))


def speaker_of(content: str, metadata: Mapping[str, Any]) -> str | None:
    """The speaker's term: metadata names one, or the text begins with a name and a colon, as in group chats."""
    named = next((name for key in SPEAKER_KEYS if isinstance(name := metadata.get(key), str)), None)
    if term := _name_term(SPEAKER, named or ""):
        return term
    prefix = NAME_AND_COLON.match(content)
    return _name_term(LABEL, prefix[1]) if prefix else None


def _name_term(marker: str, name: str) -> str | None:
    """The first word of a name stands for it; None if there is no word in it."""
    words = _words(_folded(name))
    return marker + _fitting(_unaccented(words[0])) if words else None


def names(text: str) -> dict[str, str]:
    """What may be a participant's name in a query: the terms of such a speaker → the word as it stands there.

    These are the capitalised words; all, if nothing is capitalised. Words that no name can be are left out.
    """
    found = [match[0] for match in WORD.finditer(unicodedata.normalize("NFKC", text))]
    content = [word for word in found if word.casefold() not in FUNCTION_WORDS[DEFAULT_LANGUAGE]]
    capitalised = [word for word in content if word[0].isupper()]
    marked = ((_name_term(marker, word), word) for word in capitalised or content for marker in (SPEAKER, LABEL))
    return {term: word for term, word in marked if term}


def without_speakers(text: str, named: Mapping[str, str]) -> str:
    """A query without the speakers that `names` found in it and possessive endings; unchanged if nothing else is in it.

    What is only a label stays: it stands in the text that it labels.
    """
    either = "|".join(re.escape(word) for term, word in named.items() if term.startswith(SPEAKER))
    rest = re.sub(rf"\b(?:{either})\b(?:['’]s\b)?", " ", text) if either else text
    return " ".join(rest.split()) if WORD.search(rest) else text


def _language_of(words: Sequence[str], folded: str) -> str:
    """The language most of whose function words and letters stand in a text, else that of its script, "" for neither.

    One word makes a text English, for any other two must speak: "sea" alone is no Spanish.
    """
    counts = Counter(language for word in set(words) for language in SPOKEN_IN.get(word, ()))
    if not folded.isascii():
        counts.update(language for language, letters in LETTERS_OF.items() if not letters.isdisjoint(folded))
    best = max(FUNCTION_WORDS, key=counts.__getitem__)
    if counts[best] > 1:
        return best
    return DEFAULT_LANGUAGE if counts[DEFAULT_LANGUAGE] else _language_of_script(folded)


def _language_of_script(folded: str) -> str:
    found = (language for language, script in LANGUAGE_OF_SCRIPT.items() if re.search(f"[{script}]", folded))
    return next(found, "")


def _folded(text: str) -> str:
    """One form for what looks alike: wide letters, ligatures, upper case."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).replace("i\u0307", "i")


def _words(folded: str) -> list[str]:
    plain = ROMANCE_ELISION.sub("", ENGLISH_ENDING.sub("", folded)) if APOSTROPHE.search(folded) else folded
    return WORD.findall(plain)


def _alternatives(word: str, languages: Iterable[str]) -> frozenset[str]:
    plain = _unaccented(word)
    stems = {_stem(form, language) for form in (word, plain) for language in languages}
    return frozenset({_fitting(plain), *(_fitting(_unaccented(stem)) for stem in stems)})


def _unspaced(folded: str, *, is_query: bool = False) -> list[str]:
    """Pairs of characters where words have no spaces between them, and single ones for queries that hold no more."""
    found = []
    for run in UNSPACED_RUN.findall(folded):
        found += [run[at : at + 2] for at in range(len(run) - 1)]
        found += [] if is_query and len(run) > 1 else list(run)
    return found


def _identifiers(folded: str) -> list[str]:
    """Addresses, codes, file names, versions, numbers: whole, beside the words they are made of."""
    spaced = folded if folded.isascii() else UNSPACED_RUN.sub(" ", folded)
    tokens = [_bare(token) for token in spaced.split() if not token.isalpha()]
    whole = [token for token in tokens if IDENTIFIER.search(token)]
    joined = ["".join(filter(str.isalnum, match[0])) for match in GROUPS.finditer(spaced)] if tokens else []
    return [_fitting(EXACT + one) for one in (*whole, *(number for number in joined if len(number) >= GROUPS_MIN))]


def _bare(token: str) -> str:
    """Without the punctuation of the sentence around it."""
    bare = token.rstrip(AROUND_A_TOKEN).lstrip(BEFORE_A_TOKEN)
    return bare.lstrip(AROUND_A_TOKEN) if bare.startswith("..") else bare


def _fitting(term: str) -> str:
    return term if len(term) <= TERM_MAX else term[:1] + hashlib.sha256(term.encode()).hexdigest()


def _unaccented(word: str) -> str:
    if word.isascii():
        return word
    bare = ACCENTS.sub("", unicodedata.normalize("NFD", word))
    return unicodedata.normalize("NFC", bare).translate(ONE_WITH_THE_LETTER)


@lru_cache(maxsize=50_000)
def _stem_term(word: str, language: str) -> str:
    return _fitting(_unaccented(_stem(word, language)))


def _stem(word: str, language: str) -> str:
    stem: str = _stemmers()[language].stemWord(word)
    return stem


def _stemmers() -> "dict[str, Stemmer.Stemmer]":
    if not hasattr(_local, "stemmers"):
        _local.stemmers = _AllStemmers()
    return _local.stemmers  # type: ignore[no-any-return]


class _AllStemmers(dict[str, "Stemmer.Stemmer"]):
    def __missing__(self, language: str) -> "Stemmer.Stemmer":
        self[language] = stemmer = Stemmer.Stemmer(language)
        return stemmer
