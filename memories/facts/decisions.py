"""What can become of a candidate, and the facts as they are afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from memories.facts.statements import Candidate, FactRef, Known, New
from memories.vocabulary import Standing


class Reason(StrEnum):
    """Why a candidate was rejected. Only the one that is less certain leaves a row, `not_accepted`."""

    UNACCEPTABLE = "unacceptable"
    REMOVED_BEFORE = "removed_before"
    KNOWN_ALREADY = "known_already"
    LESS_CERTAIN = "less_certain"


@dataclass(frozen=True, kw_only=True)
class Insert:
    """A new fact. With `replaced_by` it was said before what took its place, and is history from the start."""

    id: New
    candidate: Candidate
    valid_from: datetime
    valid_until: datetime | None = None
    replaced_by: FactRef | None = None


@dataclass(frozen=True, kw_only=True)
class Supersede(Insert):
    """A new fact that takes the place of `replaces`, which was valid until `valid_from` of this one."""

    replaces: FactRef


@dataclass(frozen=True, kw_only=True)
class Refresh:
    """The same statement again: the fact gets the candidate's sources, this confidence and this time."""

    id: FactRef
    candidate: Candidate
    confidence: float
    last_refreshed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Close:
    """The fact ended without a successor; it gets the candidate's sources too."""

    id: FactRef
    candidate: Candidate
    valid_until: datetime


@dataclass(frozen=True, kw_only=True)
class Reject:
    """Nothing changes. `id` names the row to record as not accepted, where there is one to record."""

    candidate: Candidate
    reason: Reason
    id: New | None = None


Decision = Insert | Supersede | Refresh | Close | Reject


def outcome(decision: Decision, facts: Mapping[FactRef, Known]) -> list[Known]:
    """The facts that a decision makes or changes, as they are afterwards."""
    match decision:
        case Supersede():
            return [_replaced(facts[decision.replaces], decision), _inserted(decision)]
        case Insert():
            return [_inserted(decision)]
        case Refresh(candidate=again):
            refreshed = {"confidence": decision.confidence, "last_refreshed_at": decision.last_refreshed_at}
            return [_with_sources(facts[decision.id], again, **refreshed)]
        case Close(candidate=last):
            ended = {"standing": Standing.ENDED, "valid_until": decision.valid_until}
            return [_with_sources(facts[decision.id], last, **ended)]
        case Reject(id=New() as place, candidate=candidate):
            valid_from = candidate.valid_from or candidate.said_at
            return [_fact(candidate, id=place, valid_from=valid_from, standing=Standing.NOT_ACCEPTED)]
    return []


def _replaced(fact: Known, by: Supersede) -> Known:
    until = max(fact.valid_from, by.valid_from)
    return replace(fact, standing=Standing.SUPERSEDED, valid_until=until, replaced_by=by.id)


def _inserted(decision: Insert) -> Known:
    return _fact(
        decision.candidate,
        id=decision.id,
        valid_from=decision.valid_from,
        valid_until=decision.valid_until,
        replaced_by=decision.replaced_by,
        standing=Standing.SUPERSEDED if decision.replaced_by else Standing.HOLDS,
    )


def _with_sources(fact: Known, candidate: Candidate, **changed: Any) -> Known:
    return replace(fact, sources=fact.sources | candidate.sources, **changed)


def _fact(candidate: Candidate, **standing: Any) -> Known:
    return Known(
        category=candidate.category,
        content=candidate.content,
        confidence=candidate.confidence,
        temporal_state=candidate.temporal_state,
        said_at=candidate.said_at,
        last_refreshed_at=candidate.said_at,
        sources=candidate.sources,
        slot=candidate.slot,
        vector=candidate.vector,
        **standing,
    )
