"""What becomes of statements: inserted, refreshed, superseding, closing or rejected (SPEC §6).

`decide` is pure. Whoever applies its decisions locks the person's facts, applies them in their order in one
transaction, and replaces each `New` by the id of the row that it made for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from memories.facts.confidence import confidence_now
from memories.facts.decisions import Close, Decision, Insert, Reason, Refresh, Reject, Supersede, outcome
from memories.facts.statements import (
    Candidate,
    FactRef,
    Known,
    New,
    Similarity,
    cosine,
    is_acceptable,
    is_meant_by,
    says_the_same,
)
from memories.vocabulary import HIDDEN, Standing, TemporalState

CONFIDENCE_MARGIN = 0.15
GONE = frozenset({Standing.SUPERSEDED, Standing.ENDED, Standing.REMOVED})
ROUNDING = 1e-9  # 0.9 - 0.15 and 0.75 are the same confidence


@dataclass(frozen=True)
class Timeline:
    """All facts of a person (or of one slot) but those that a person or a merger took away, oldest first."""

    current: list[Known]
    history: list[Known]


def timeline(facts: Iterable[Known]) -> Timeline:
    """The facts in the order in which they became valid, and those of them that are current."""
    kept = [fact for fact in facts if fact.standing not in HIDDEN]
    history = sorted(kept, key=lambda fact: (fact.valid_from, fact.said_at, fact.is_current))
    return Timeline(current=[fact for fact in history if fact.is_current], history=history)


def decide(
    candidates: Iterable[Candidate], known: Sequence[Known], *, now: datetime, similarity: Similarity = cosine
) -> list[Decision]:
    """What to do with each candidate, in the order in which they were said, given all facts known of the person.

    The same candidates again, at any later time and in any company, change nothing.
    """
    said = [replace(candidate, said_at=min(candidate.said_at, now)) for candidate in candidates]
    ledger = Ledger(known, similarity=similarity)
    for candidate in sorted(said, key=lambda candidate: candidate.said_at):
        ledger.take(candidate)
    return ledger.decisions


class Ledger:
    """The facts as they stand after the decisions taken so far."""

    def __init__(self, known: Sequence[Known], *, similarity: Similarity) -> None:
        self.facts: dict[FactRef, Known] = {fact.id: fact for fact in known}
        self.similarity = similarity
        self.decisions: list[Decision] = []
        self._made = 0

    def take(self, candidate: Candidate) -> None:
        """Decide about one candidate. A negation that ended something leaves no fact of its own."""
        if reason := self._objection(candidate):
            self._note(Reject(candidate=candidate, reason=reason))
            return
        ended = [fact for fact in self.facts.values() if _ends(candidate, fact)]
        for fact in ended:
            self._note(_close(fact, candidate))
        if not ended or candidate.temporal_state != TemporalState.PAST:
            self._note(self._place(candidate))

    def _objection(self, candidate: Candidate) -> Reason | None:
        if not is_acceptable(candidate):
            return Reason.UNACCEPTABLE
        same = [fact for fact in self.facts.values() if says_the_same(candidate, fact, similarity=self.similarity)]
        if any(fact.standing == Standing.REMOVED for fact in same):
            return Reason.REMOVED_BEFORE
        same = [fact for fact in same if fact.temporal_state == candidate.temporal_state]
        gone = [fact for fact in self.facts.values() if fact.standing in GONE and _negates(candidate, fact)]
        if any(candidate.sources <= fact.sources for fact in same + gone):
            return Reason.KNOWN_ALREADY
        return None

    def _place(self, candidate: Candidate) -> Decision:
        alike = [fact for fact in self.facts.values() if self._says_the_same_of_then(candidate, fact)]
        same = [fact for fact in map(self._survivor, alike) if _in_force(fact, candidate.said_at)]
        accepted = [fact for fact in same if fact.standing != Standing.NOT_ACCEPTED]
        if accepted:
            return _refresh(max(accepted, key=_precedence), candidate)
        if not _claims_slot(candidate):
            return self._insert(candidate)
        before, after = _neighbours(candidate, [fact for fact in self.facts.values() if _took_slot(fact, candidate)])
        if before is None or _is_sure_enough(candidate, before):
            return self._insert(candidate, before=before, after=after)
        if same:
            return _refresh(same[0], candidate)
        return Reject(candidate=candidate, reason=Reason.LESS_CERTAIN, id=self._new_id())

    def _says_the_same_of_then(self, candidate: Candidate, fact: Known) -> bool:
        is_of_one_time = candidate.temporal_state == fact.temporal_state
        return is_of_one_time and says_the_same(candidate, fact, similarity=self.similarity)

    def _survivor(self, fact: Known) -> Known:
        """The fact itself or, after mergers, the one that has its sources."""
        while fact.standing == Standing.MERGED and fact.replaced_by in self.facts:
            fact = self.facts[fact.replaced_by]
        return fact

    def _insert(self, candidate: Candidate, *, before: Known | None = None, after: Known | None = None) -> Insert:
        valid_from = max(_begins(candidate), before.valid_from) if before else _begins(candidate)
        valid_until = after.valid_from if after else candidate.valid_until
        insert = Insert(
            id=self._new_id(),
            candidate=candidate,
            valid_from=valid_from,
            valid_until=max(valid_from, valid_until) if valid_until else None,
            replaced_by=after.id if after else None,
        )
        return Supersede(**vars(insert), replaces=before.id) if before else insert

    def _new_id(self) -> New:
        self._made += 1
        return New(self._made - 1)

    def _note(self, decision: Decision) -> None:
        self.decisions.append(decision)
        self.facts.update({fact.id: fact for fact in outcome(decision, self.facts)})


def _begins(candidate: Candidate) -> datetime:
    """When it became true, as far as it was said: "worked there until 2015" was true then, not when it was told."""
    start = candidate.valid_from or candidate.said_at
    return min(start, candidate.valid_until) if candidate.valid_until else start


def _claims_slot(candidate: Candidate) -> bool:
    is_single = candidate.slot is not None and candidate.slot.is_single_valued
    return is_single and candidate.temporal_state == TemporalState.CURRENT


def _took_slot(fact: Known, candidate: Candidate) -> bool:
    """Whether the fact is, or once was, the current one of the candidate's slot."""
    was_current = fact.standing not in HIDDEN | {Standing.NOT_ACCEPTED}
    return was_current and fact.slot == candidate.slot and fact.temporal_state == TemporalState.CURRENT


def _neighbours(candidate: Candidate, accepted: list[Known]) -> tuple[Known | None, Known | None]:
    """The fact whose place the candidate takes, and the one that took the candidate's before we read it."""
    holds = next((fact for fact in accepted if fact.standing == Standing.HOLDS), None)
    if holds and holds.last_refreshed_at <= candidate.said_at:
        return holds, None
    history = [fact for fact in accepted if fact is not holds and _in_force(fact, candidate.said_at)]
    before = [fact for fact in history if fact.said_at <= candidate.said_at]
    after = [fact for fact in accepted if fact.said_at > candidate.said_at]
    return max(before, key=_precedence, default=None), min(after, key=lambda fact: fact.said_at, default=holds)


def _precedence(fact: Known) -> tuple[bool, datetime]:
    return fact.standing == Standing.HOLDS, fact.said_at


def _in_force(fact: Known, at: datetime) -> bool:
    """Whether nothing had replaced or ended the fact by then."""
    if fact.standing in {Standing.SUPERSEDED, Standing.ENDED}:
        return fact.valid_until is not None and at < fact.valid_until
    return fact.standing not in HIDDEN


def _is_sure_enough(candidate: Candidate, fact: Known) -> bool:
    faded = confidence_now(fact.confidence, fact.last_refreshed_at, now=candidate.said_at)
    return candidate.confidence >= faded - CONFIDENCE_MARGIN - ROUNDING


def _ends(candidate: Candidate, fact: Known) -> bool:
    """Whether the candidate negates a fact that holds and was not said again since; a successor supersedes it."""
    if fact.standing != Standing.HOLDS or fact.last_refreshed_at > candidate.said_at:
        return False
    return _negates(candidate, fact) and not _claims_slot(candidate)


def _negates(candidate: Candidate, fact: Known) -> bool:
    if candidate.negates is None or candidate.slot != fact.slot or fact.temporal_state == TemporalState.PAST:
        return False
    return is_meant_by(fact, candidate.negates)


def _close(fact: Known, candidate: Candidate) -> Close:
    until = max(fact.valid_from, candidate.valid_until or candidate.said_at)
    return Close(id=fact.id, candidate=candidate, valid_until=until)


def _refresh(fact: Known, candidate: Candidate) -> Refresh:
    return Refresh(
        id=fact.id,
        candidate=candidate,
        confidence=max(fact.confidence, candidate.confidence),
        last_refreshed_at=max(fact.last_refreshed_at, candidate.said_at),
    )
