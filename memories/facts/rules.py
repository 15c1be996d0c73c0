"""The offline extractor: facts that people state in plain words, by patterns. Precise rather than complete."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from memories.facts.clauses import clauses
from memories.facts.patterns import PATTERNS
from memories.facts.patterns.grammar import NAMES, Pattern
from memories.facts.patterns.lexicon import NOT_A_THING
from memories.facts.statements import Candidate, Turn

CORRECTION = re.compile(
    r"I (?:meant|mean)(?: to (?:say|write))?,? (?P<name>[^,;.!?]{2,40}?)(?:,? not (?P<old>[^,;.!?]+))?$", re.IGNORECASE
)
THEIRS = [
    (re.compile(r"\b(?:my|our)\b", re.IGNORECASE), "their"),
    (re.compile(r"\b(?:me|us)\b", re.IGNORECASE), "them"),
]
LIST = re.compile(
    r"\s*,\s*(?:and |or )?|\s+(?:and|or|&|und|oder|et|ou|y|o)\s+(?:(?:les?|la|el|los|las|the)\s)?", re.IGNORECASE
)
YEAR = re.compile(r"\b(since|from|until|till|seit|bis|depuis|desde|hasta) (?:\w+ )?((?:19|20)\d\d)\b", re.IGNORECASE)
STARTS = frozenset({"since", "from", "seit", "depuis", "desde"})
WORDS_OF_A_THING = 5
SAYS_MORE = frozenset({"you", "your", "it", "is", "are", "was", "were", "has", "does", "did", "can", "will", "that"})


@dataclass(frozen=True)
class Found:
    """A pattern that a clause matched, and what filled its places; perhaps in correction of another."""

    pattern: Pattern
    groups: dict[str, str]
    clause: str
    turn: Turn
    corrects: "Found | None" = None

    @property
    def content(self) -> str:
        return _rendered(self.pattern.template, self.groups)

    def candidate(self) -> Candidate:
        slot, category = self.pattern.sort(self.groups)
        since, until = _years(self.clause)
        return Candidate(
            category=category,
            content=self.content,
            confidence=self.pattern.confidence,
            temporal_state=self.pattern.state,
            slot=slot,
            said_at=self.turn.created_at,
            sources=frozenset({self.turn.id} | ({self.corrects.turn.id} if self.corrects else set())),
            valid_from=since,
            valid_until=until,
            quote=self.clause,
            negates=self.negates,
        )

    @property
    def negates(self) -> str | None:
        if self.corrects:
            return self.corrects.content
        return None if self.pattern.negates is None else _rendered(self.pattern.negates, self.groups)


def extract(turns: Iterable[Turn]) -> list[Candidate]:
    """What the users' turns state, in their order. Other roles and turns of the context yield nothing."""
    candidates: dict[tuple[object, ...], Candidate] = {}
    earlier: list[Found] = []
    for turn in (turn for turn in turns if turn.role == "user"):
        for candidate in _read(turn, earlier=earlier):
            same = (candidate.slot, candidate.temporal_state, candidate.content.casefold(), turn.id)
            if not turn.is_context:
                candidates.setdefault(same, candidate)
    return list(candidates.values())


def _read(turn: Turn, *, earlier: list[Found]) -> Iterator[Candidate]:
    has_capitals = bool(re.search(r"(?!I\b)[^\W\d_a-z]", turn.content))
    for clause in clauses(turn.content):
        corrected = _correction(clause, turn=turn, earlier=earlier)
        found = [corrected] if corrected else list(_found(clause, turn=turn, has_capitals=has_capitals))
        earlier += found
        yield from (one.candidate() for one in found)


def _found(clause: str, *, turn: Turn, has_capitals: bool) -> Iterator[Found]:
    for pattern in PATTERNS:
        if match := (pattern.proper if has_capitals else pattern.lower).match(clause):
            groups = {name: _in_their_view(value or "") for name, value in match.groupdict().items()}
            if not has_capitals:
                groups |= {name: groups[name].title() for name in NAMES & groups.keys()}
            for filled in _each_thing(pattern, groups):
                yield Found(pattern, filled, clause, turn)


def _each_thing(pattern: Pattern, groups: dict[str, str]) -> Iterator[dict[str, str]]:
    value = next((name for name in ("thing", "place", "org") if groups.get(name)), None)
    if value is None:
        yield groups
        return
    is_list = value == "thing" and not pattern.whole
    for one in LIST.split(groups[value]) if is_list else [groups[value]]:
        if (value != "thing" or _is_a_thing(one)) and (pattern.only is None or pattern.only(one)):
            yield groups | {value: one}


def _is_a_thing(thing: str) -> bool:
    words = thing.casefold().split()
    return 0 < len(words) <= WORDS_OF_A_THING and words[0] not in NOT_A_THING and SAYS_MORE.isdisjoint(words)


def _correction(clause: str, *, turn: Turn, earlier: list[Found]) -> Found | None:
    """ "Sorry, I meant Houston": the last statement about something with a name, with the other name."""
    match = CORRECTION.match(clause)
    if match is None:
        return None
    meant = [found for found in earlier if NAMES & found.groups.keys() and (match["old"] or "") in found.clause]
    if not meant:
        return None
    last = meant[-1]
    name = next(name for name in ("name", "place", "org") if name in last.groups)
    return Found(last.pattern, last.groups | {name: match["name"]}, clause, turn, corrects=last)


def _in_their_view(value: str) -> str:
    for mine, theirs in THEIRS:
        value = mine.sub(theirs, value)
    return value.rstrip(",")


def _rendered(template: str, groups: dict[str, str]) -> str:
    return template.format(**groups)


def _years(clause: str) -> tuple[datetime | None, datetime | None]:
    """The years said with "since" and "until", as their first moment in UTC."""
    found = {word.casefold() in STARTS: datetime(int(year), 1, 1, tzinfo=UTC) for word, year in YEAR.findall(clause)}
    return found.get(True), found.get(False)
