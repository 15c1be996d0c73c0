"""The notation of the tables: regular expressions over one clause, with <place>, <thing> and the like in them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from memories.facts.patterns import lexicon
from memories.vocabulary import USUAL_CATEGORY, Category, Slot, TemporalState

PROPER_WORD = r"(?!I\b)(?-i:[A-ZÀ-ÖØ-ÞĀ-Ž0-9])[\w'’&+]*(?:-\w+)*"
PROPER = rf"{PROPER_WORD}(?: (?:(?:of|de|del|la|du|am|der|and|&) (?:the )?)?{PROPER_WORD})*"
SMALL = r"(?!(?:a|an|the|my|your|this|that|it|fear|peace|here|there|and|but|now|with|for|in|at|as|on|to)\b)[^\W\d_]{2,}"
LOWER = rf"{SMALL}(?: {SMALL})?"
THING = r"[\w+#][\w+#'’./& -]{0,50}?"
END = r"(?:[,;:!.].*|$)"
AFTER_PROPER = r"(?:[\s,;:!.].*|$)"
AFTER_THING = (
    r"(?:[,;:!.].*| (?:now|currently|these days|at the moment|right now|too|as well|a lot|very much|so much|but|"
    r"because|"
    r"since|for|so|with|when|while|where|at|in|on|from|until|by the way|though|every|again|this|next|last|mostly|"
    r"before|nowadays|today|anymore|any more|btw|lol|haha|gerade|sehr|beaucoup|mucho)\b.*|$)"
)
HOLES = {
    "place": rf"(?P<place>(?:the )?{PROPER}(?:, {PROPER})*)",
    "org": rf"(?P<org>{PROPER})",
    "name": rf"(?P<name>{PROPER_WORD}(?: {PROPER_WORD}){{0,2}})",
    "job": rf"(?P<job>(?:(?!not |no )[\w-]+ ){{0,3}}?{lexicon.JOBS})",
    "word": r"(?P<word>[^\W\d_][\w-]{2,})",
    "thing": rf"(?P<thing>{THING})",
    "things": rf"(?P<thing>{THING}(?:(?:, {THING})*,? (?:and|or|&|und|oder|et|ou|y|o) {THING})?)",
    "doing": r"(?P<doing>[^,;:!.?]{3,80})",
    "number": r"(?P<number>\d{1,3})",
    "spouse": rf"(?P<spouse>{lexicon.SPOUSE})",
    "kin": rf"(?P<kin>{lexicon.KIN})",
    "relative": rf"(?P<relative>{lexicon.KIN}|{lexicon.SPOUSE})",
    "friend": rf"(?P<friend>{lexicon.FRIEND})",
    "colleague": rf"(?P<colleague>{lexicon.COLLEAGUE})",
}
IN_LOWER_CASE = {
    "place": rf"(?P<place>{LOWER}(?:, {LOWER})?)",
    "org": rf"(?P<org>{LOWER})",
    "name": rf"(?P<name>{SMALL})",
}
NAMES = frozenset(IN_LOWER_CASE)
HOLE = re.compile(r"(?<!\?P)<(\w+)>")


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """One way to say a fact, matched against a whole clause.

    A list of things ("tea and coffee") is a fact each, unless `whole`. `by_kind` sorts a thing by what it is (food,
    tech, hobby), `only` drops the things and names that it refuses. `negates` is the template of the statement that
    ends thereby.
    """

    says: str
    template: str
    slot: Slot | None = None
    state: TemporalState = TemporalState.CURRENT
    category: Category | None = None
    confidence: float = 0.9
    negates: str | None = None
    whole: bool = False
    by_kind: bool = False
    only: Callable[[str], bool] | None = None

    @cached_property
    def proper(self) -> re.Pattern[str]:
        return self._compiled(HOLES)

    @cached_property
    def lower(self) -> re.Pattern[str]:
        """For turns without any capital letter, whose names cannot be told by one."""
        return self._compiled(HOLES | IN_LOWER_CASE)

    def _compiled(self, holes: dict[str, str]) -> re.Pattern[str]:
        text = HOLE.sub(lambda hole: holes[hole[1]], self.says)
        return re.compile(text + self._tail(), re.IGNORECASE)

    def _tail(self) -> str:
        """What may follow: a name ends where the capital letters do, a thing at a word that begins something else."""
        last = re.search(r"<(\w+)>\)*\??$", self.says)
        return {"thing": AFTER_THING, "things": AFTER_THING, "doing": END}.get(last[1] if last else "", AFTER_PROPER)

    def sort(self, groups: dict[str, str]) -> tuple[Slot | None, Category]:
        slot = lexicon.kind_of(groups["thing"]) if self.by_kind else self.slot
        usual = USUAL_CATEGORY[slot] if slot else Category.USER_PREFERENCE
        return slot, self.category or usual


def is_tech(thing: str) -> bool:
    return lexicon.kind_of(thing) == Slot.TECH


def is_hobby(thing: str) -> bool:
    return lexicon.kind_of(thing) == Slot.HOBBY


def is_no_tool(name: str) -> bool:
    """Teams move to Kubernetes, and join Slack."""
    return not is_tech(name)


def is_language(thing: str) -> bool:
    return not lexicon.LANGUAGES.isdisjoint(thing.casefold().split())


def is_skill(thing: str) -> bool:
    return is_tech(thing) or is_language(thing)
