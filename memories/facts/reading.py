"""Reading: turns become candidates for facts, and facts a summary, by rules or by a language model."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from memories.facts import prompts, rules
from memories.facts.prompts import ReadFact, ReadFacts, WrittenProfile
from memories.facts.statements import Candidate, Turn
from memories.providers import language_model
from memories.providers.language_model import LanguageModel, Usage
from memories.vocabulary import TemporalState

RULES_VERSION = 1
MODEL_NAME_CHARACTERS = 150
QUOTE_CHARACTERS = 500
FACTS_OF_A_SUMMARY = 8
TRAITS_MAX = 5
DATE = re.compile(r"(?:19|20|21)\d\d(?:-\d\d(?:-\d\d(?:[T ].+)?)?)?")
FIRST_MOMENT = "0000-01-01"


@dataclass(frozen=True, kw_only=True)
class Read:
    """What turns state, and what the model took to read them; `usage` is None where none was asked."""

    candidates: list[Candidate]
    usage: Usage | None = None


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A person in a few sentences and at most five phrases; `usage` as in Read."""

    summary: str
    key_traits: list[str]
    usage: Usage | None = None


class Reader(Protocol):
    """Reads turns and sums facts up. `name` says who, and by which version of its rules or prompt."""

    name: str

    def read(self, turns: Sequence[Turn]) -> Read:
        """What the new turns of the user state; the others are read to understand them. Raises ProviderError."""

    def summarise(self, facts: Sequence[str]) -> Summary:
        """The person whom the facts, the most telling first, are about. Raises ProviderError."""


def reader() -> Reader:
    """The reader that the settings name; ImproperlyConfigured if it can never work."""
    model = language_model()
    return RulesReader() if model is None else ModelReader(model)


class RulesReader:
    """Patterns: offline, precise rather than complete."""

    name = f"rules:{RULES_VERSION}"

    def read(self, turns: Sequence[Turn]) -> Read:
        return Read(candidates=rules.extract(turns))

    def summarise(self, facts: Sequence[str]) -> Summary:
        """The first facts as they stand."""
        return Summary(
            summary=" ".join(facts[:FACTS_OF_A_SUMMARY]), key_traits=[fact.rstrip(".") for fact in facts[:TRAITS_MAX]]
        )


class ModelReader:
    """A language model, which sees the turns as data and is believed only about what the user said in new ones."""

    def __init__(self, model: LanguageModel) -> None:
        self.name = f"{model.name}:{model.model_name[:MODEL_NAME_CHARACTERS]}:{prompts.PROMPT_VERSION}"
        self._model = model

    def read(self, turns: Sequence[Turn]) -> Read:
        answered = self._model.ask(prompts.conversation(turns), instructions=prompts.READING, answer=ReadFacts)
        said = {number: turn for number, turn in enumerate(turns, 1) if turn.role == "user" and not turn.is_context}
        candidates = [_candidate(fact, said=said) for fact in answered.output.facts]
        return Read(candidates=[one for one in candidates if one is not None], usage=answered.usage)

    def summarise(self, facts: Sequence[str]) -> Summary:
        answered = self._model.ask(prompts.list_of_facts(facts), instructions=prompts.SUMMING_UP, answer=WrittenProfile)
        profile = answered.output
        return Summary(summary=profile.summary, key_traits=profile.key_traits[:TRAITS_MAX], usage=answered.usage)


def _candidate(fact: ReadFact, *, said: Mapping[int, Turn]) -> Candidate | None:
    """The fact, if one of the turns that count (`said`, by number) is a source of it."""
    sources = [said[number] for number in fact.turns if number in said]
    if not sources:
        return None
    said_at = max(turn.created_at for turn in sources)
    valid_from, valid_until = _span(fact, said_at=said_at)
    return Candidate(
        category=fact.category,
        content=" ".join(fact.content.split()),
        confidence=fact.confidence,
        temporal_state=fact.state,
        said_at=said_at,
        sources=frozenset(turn.id for turn in sources),
        slot=fact.slot,
        valid_from=valid_from,
        valid_until=valid_until,
        quote=_quoted(fact.quote, sources),
        negates=_negated(fact),
    )


def _quoted(quote: str, sources: Sequence[Turn]) -> str:
    """The quote, if one of the sources has it, whatever its spaces and capitals; a model may make one up."""
    words = _words(quote)
    return quote[:QUOTE_CHARACTERS] if any(words in _words(turn.content) for turn in sources) else ""


def _words(text: str) -> str:
    return " ".join(text.casefold().split())


def _negated(fact: ReadFact) -> str | None:
    """Empty, it would end what the slot holds: that takes a mark, since models write nothing where they mean none."""
    if fact.negates == prompts.WHATEVER_IT_WAS:
        return "" if fact.slot is not None and fact.slot.is_single_valued else None
    return fact.negates or None


def _span(fact: ReadFact, *, said_at: datetime) -> tuple[datetime | None, datetime | None]:
    """From when until when; without a beginning that only a plan can have, and an end before the beginning."""
    since, until = _moment(fact.valid_from), _moment(fact.valid_until)
    if since and since > said_at and fact.state != TemporalState.FUTURE:
        since = None
    return since, None if since and until and until < since else until


def _moment(date: str | None) -> datetime | None:
    """The first moment of a year, month or day, or a moment, in UTC; None for what is no date of 1900 to 2199."""
    if date is None or not DATE.fullmatch(date):
        return None
    try:
        moment = datetime.fromisoformat(date + FIRST_MOMENT[len(date) :])
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
