"""What is said about an end user: turns, candidates for facts, stored facts, and when two say the same."""

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from memories.vocabulary import Category, Slot, Standing, TemporalState

CONFIDENCE_MIN = 0.5
WORDS_MIN = 2
CHARACTERS_MIN = 5
SAME_COSINE = 0.92

LATIN_ACCENTS = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")
PUNCTUATION = re.compile(  # not what tells 3.5 from 35, or C++ and C# from C
    r"(?<!\d)[.,]|[.,](?!\d)|[!\"'()*/:;<=>?\[\\\]^_`{|}~¡¿«»·§¶\u2010-\u2027\u2030-\u205e\u3001-\u303f-]"
)
CONTRACTIONS = [
    (re.compile(r"\b(ca|wo)n['’]t\b"), r"\1n not"),
    (re.compile(r"n['’]t\b"), " not"),
    (re.compile(r"['’]s\b"), ""),
]
ARTICLES = frozenset({"a", "an", "the"})
FILLERS = frozenset({"currently", "now", "presently", "really"})
NEGATIONS = frozenset({"not", "no", "never", "without", "dislike", "dislikes", "hate", "hates", "avoid", "avoids"})
SMALL_WORDS = frozenset({"in", "at", "for", "as", "of", "to", "with", "is", "has"})


@dataclass(frozen=True)
class New:
    """The place of a fact that is not stored yet among those that one call of `decide` made, from 0."""

    index: int


FactRef = UUID | New


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A message as an extractor reads it. Turns of the context are read to understand the others, not for facts."""

    id: UUID
    role: str
    content: str
    created_at: datetime
    is_context: bool = False


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What an extractor yields: one statement, in the third person, with the messages that it came from.

    `said_at` is the time of the last of those messages. `negates` is the statement that this one ends, worded as it
    was when it held; empty, it ends whatever the single-valued slot holds.
    """

    category: Category
    content: str
    confidence: float
    temporal_state: TemporalState
    said_at: datetime
    sources: frozenset[UUID]
    slot: Slot | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    quote: str = ""
    negates: str | None = None
    vector: tuple[float, ...] | None = None

    @cached_property
    def words(self) -> str:
        """The content, normalised; kept, since a statement is compared with many."""
        return normalised(self.content)


@dataclass(frozen=True, kw_only=True)
class Known:
    """A stored fact, as far as supersession needs it. `last_refreshed_at` is when it was last said."""

    id: FactRef
    category: Category
    content: str
    confidence: float
    temporal_state: TemporalState
    said_at: datetime
    last_refreshed_at: datetime
    valid_from: datetime
    sources: frozenset[UUID]
    slot: Slot | None = None
    valid_until: datetime | None = None
    standing: Standing = Standing.HOLDS
    replaced_by: FactRef | None = None
    vector: tuple[float, ...] | None = None

    @cached_property
    def words(self) -> str:
        """The content, normalised; kept, as above."""
        return normalised(self.content)

    @property
    def is_current(self) -> bool:
        return self.standing == Standing.HOLDS and self.temporal_state == TemporalState.CURRENT


Similarity = Callable[[Candidate, Known], float]


def cosine(candidate: Candidate, known: Known) -> float:
    """Cosine similarity of the two vectors, -1 to 1; 0 where either is missing."""
    one, other = candidate.vector, known.vector
    if one is None or other is None:
        return 0.0
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0


def normalised(content: str) -> str:
    """The content without what rewording changes: case, accents, punctuation, articles, a leading "the user"."""
    words = _words(content)
    words = [word for word in words if word not in FILLERS] or words
    kept = [word for word in words[:-1] if word not in ARTICLES] + words[-1:]
    while len(kept) > 1 and kept[0] == "user":
        kept = kept[1:]
    return " ".join(kept)


def _words(content: str) -> list[str]:
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", content).casefold()).casefold()
    for contraction, written_out in CONTRACTIONS:
        text = contraction.sub(written_out, text)
    return unicodedata.normalize("NFC", PUNCTUATION.sub(" ", LATIN_ACCENTS.sub("", text))).split()


def is_acceptable(candidate: Candidate) -> bool:
    """Sure enough, long enough, and not a question."""
    content = candidate.content.strip()
    return (
        candidate.confidence >= CONFIDENCE_MIN
        and len(content) >= CHARACTERS_MIN
        and len(content.split()) >= WORDS_MIN
        and not content.startswith("¿")
        and not content.endswith(("?", "？", "؟"))
    )


def says_the_same(candidate: Candidate, known: Known, *, similarity: Similarity) -> bool:
    """Same slot, and equal after normalisation or near enough in meaning."""
    if candidate.slot != known.slot:
        return False
    one, other = candidate.words, known.words
    return one == other or (similarity(candidate, known) >= SAME_COSINE and has_same_details(one, other))


def has_same_details(one: str, other: str) -> bool:
    """Vectors of "is 34" and "is 35", or of "likes" and "dislikes", are as close as those of the same statement."""
    return all(details(one) == details(other) for details in (_numbers, _negations))


def _numbers(words: str) -> Sequence[str]:
    return sorted(re.findall(r"\d+", words))


def _negations(words: str) -> bool:
    return not NEGATIONS.isdisjoint(words.split())


def is_meant_by(known: Known, negated: str) -> bool:
    """Whether a negation of the statement `negated` is about this fact.

    Details that the negation leaves out do not matter ("Lives in Austin." means "Lives in Austin, Texas."). In a
    single-valued slot neither do details that it adds, and an empty one means whatever the slot holds.
    """
    said, stored = (frozenset(words.split()) - SMALL_WORDS for words in (normalised(negated), known.words))
    if known.slot is not None and known.slot.is_single_valued:
        return said <= stored or stored <= said
    return bool(said) and said <= stored
