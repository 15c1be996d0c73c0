"""Short ways to write candidates and stored facts, and a store that applies decisions, for the tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from memories.facts.decisions import Close, Decision, Insert, Refresh, Reject, Supersede
from memories.facts.statements import Candidate, FactRef, Known, New, Similarity, cosine
from memories.facts.supersession import decide
from memories.vocabulary import USUAL_CATEGORY, Category, Slot, Standing, TemporalState

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = START + timedelta(days=365)


def message(number: int) -> UUID:
    return UUID(int=1_000 + number)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def said(
    content: str, slot: Slot | None = None, *, on: float = 0, source: int | None = None, **given: Any
) -> Candidate:
    """A statement of that day, from a message of its own unless one is named."""
    fields: dict[str, Any] = {
        "category": USUAL_CATEGORY[slot] if slot else Category.USER_PREFERENCE,
        "confidence": 0.9,
        "temporal_state": TemporalState.CURRENT,
        "said_at": day(on),
        "sources": frozenset({message(int(on) if source is None else source)}),
    }
    return Candidate(content=content, slot=slot, **fields | given)


class Store:
    """The facts of one person in memory, changed by decisions alone; written apart from `decisions.outcome`."""

    def __init__(self, *, similarity: Similarity = cosine) -> None:
        self.facts: dict[UUID, Known] = {}
        self.similarity = similarity

    def hear(self, *candidates: Candidate, now: datetime = NOW) -> list[Decision]:
        decisions = decide(candidates, list(self.facts.values()), now=now, similarity=self.similarity)
        made: dict[FactRef, UUID] = {}
        for decision in decisions:
            self._apply(decision, made)
        return decisions

    def remove(self, fact: UUID) -> None:
        self.facts[fact] = replace(self.facts[fact], standing=Standing.REMOVED)

    def standings(self) -> list[list[str]]:
        return [[fact.content, str(fact.standing)] for fact in self.facts.values()]

    def current(self, slot: Slot | None = None) -> list[str]:
        return [fact.content for fact in self.facts.values() if fact.is_current and fact.slot == slot]

    def _apply(self, decision: Decision, made: dict[FactRef, UUID]) -> None:
        if isinstance(decision, Insert) or (isinstance(decision, Reject) and decision.id):
            self._store(decision, made)
        if isinstance(decision, Supersede):
            self._change(
                made.get(decision.replaces, decision.replaces),
                standing=Standing.SUPERSEDED,
                valid_until=decision.valid_from,
                replaced_by=made[decision.id],
            )
        if isinstance(decision, Refresh):
            self._change(
                made.get(decision.id, decision.id),
                decision,
                confidence=decision.confidence,
                last_refreshed_at=decision.last_refreshed_at,
            )
        if isinstance(decision, Close):
            self._change(
                made.get(decision.id, decision.id), decision, standing=Standing.ENDED, valid_until=decision.valid_until
            )

    def _change(self, fact: FactRef, cited: Refresh | Close | None = None, **changed: Any) -> None:
        assert isinstance(fact, UUID)
        sources = self.facts[fact].sources | (cited.candidate.sources if cited else frozenset())
        self.facts[fact] = replace(self.facts[fact], sources=sources, **changed)

    def _store(self, decision: Insert | Reject, made: dict[FactRef, UUID]) -> None:
        row, candidate = UUID(int=len(self.facts) + 1), decision.candidate
        assert isinstance(decision.id, New)
        made[decision.id] = row
        place: dict[str, Any] = {"valid_from": candidate.valid_from or candidate.said_at}
        if isinstance(decision, Insert):
            replaced_by = decision.replaced_by and made.get(decision.replaced_by, decision.replaced_by)
            standing = Standing.SUPERSEDED if replaced_by else Standing.HOLDS
            place = {"valid_from": decision.valid_from, "valid_until": decision.valid_until, "replaced_by": replaced_by}
        else:
            standing = Standing.NOT_ACCEPTED
        copied = ("category", "content", "confidence", "temporal_state", "slot", "said_at", "sources", "vector")
        fields = {name: getattr(candidate, name) for name in copied}
        self.facts[row] = Known(id=row, last_refreshed_at=candidate.said_at, standing=standing, **fields, **place)
