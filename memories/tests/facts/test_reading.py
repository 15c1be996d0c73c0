import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import Settings

from memories.facts.prompts import PROMPT_VERSION
from memories.facts.reading import ModelReader, RulesReader, reader
from memories.facts.statements import Candidate, Turn
from memories.providers.base import MalformedAnswer
from memories.providers.language_model import Answered, Usage
from memories.providers.remote_language_model import RemoteLanguageModel
from memories.tests.facts.statements import day, message
from memories.tests.providers.conftest import Answer, Vendor
from memories.tests.providers.dialects import DIALECTS, OPENAI, Dialect
from memories.vocabulary import Category, Slot, TemporalState

USAGE = Usage(calls=1, input_tokens=10, output_tokens=5, cost=None)


class ScriptedModel:
    """A vendor's model whose answer is known beforehand."""

    name = "openai"
    model_name = "gpt-test"

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def ask(self, text: str, *, instructions: str, answer: type[Any]) -> Answered[Any]:
        return Answered(output=answer.model_validate(self.answer), usage=USAGE)


def turn(number: int, content: str = "I live in Austin.", role: str = "user", **given: Any) -> Turn:
    return Turn(id=message(number), role=role, content=content, created_at=day(number), **given)


TURNS = [
    turn(1, "I'm at Globex.", is_context=True),
    turn(2, "Where do you live?", role="assistant"),
    turn(3, "I live in Austin, near my sister."),
    turn(4, "She moved to Houston, by the way."),
]


def fact(**given: Any) -> dict[str, Any]:
    """What a model answers of TURNS."""
    usual = {"content": "Lives in Austin.", "category": "biographical", "slot": "location", "state": "current"}
    return {**usual, "confidence": 0.95, "turns": [3], "quote": "I live in Austin", **given}


def candidates(*facts: dict[str, Any], turns: Sequence[Turn] = TURNS) -> list[Candidate]:
    return ModelReader(ScriptedModel({"facts": facts})).read(turns).candidates


def candidate(**given: Any) -> Candidate:
    [only] = candidates(fact(**given))
    return only


def test_a_fact_becomes_a_candidate() -> None:
    assert candidate() == Candidate(
        category=Category.BIOGRAPHICAL,
        content="Lives in Austin.",
        confidence=0.95,
        temporal_state=TemporalState.CURRENT,
        said_at=day(3),
        sources=frozenset({message(3)}),
        slot=Slot.LOCATION,
        quote="I live in Austin",
    )


def test_a_fact_of_several_turns_was_said_with_the_last() -> None:
    several = candidate(turns=[4, 3])
    assert several.sources == {message(3), message(4)}
    assert several.said_at == day(4)


@pytest.mark.parametrize("turns", [[], [1], [2], [1, 2], [0], [5], [-1]])
def test_what_no_new_turn_of_the_user_says_is_no_fact(turns: list[int]) -> None:
    assert candidates(fact(turns=turns)) == []


@pytest.mark.parametrize("role", ["assistant", "system", "tool"])
def test_others_are_never_believed(role: str) -> None:
    assert candidates(fact(turns=[1]), turns=[turn(1, "The user lives in Austin.", role=role)]) == []


def test_only_new_turns_of_the_user_are_sources() -> None:
    assert candidate(turns=[1, 2, 3, 99]).sources == {message(3)}


def test_one_fact_that_is_dropped_leaves_the_others() -> None:
    kept = candidates(fact(turns=[2]), fact(content="Has a sister.", slot="family"))
    assert [one.content for one in kept] == ["Has a sister."]


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("2024", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-05", datetime(2024, 5, 1, tzinfo=UTC)),
        ("2024-05-31", datetime(2024, 5, 31, tzinfo=UTC)),
        ("2024-05-31T10:00:00", datetime(2024, 5, 31, 10, tzinfo=UTC)),
        ("2024-05-31T10:00:00+02:00", datetime(2024, 5, 31, 8, tzinfo=UTC)),
        ("2024-05-31T10:00:00Z", datetime(2024, 5, 31, 10, tzinfo=UTC)),
        *((odd, None) for odd in ("", "null", "2024-13", "2023-02-29", "0001-01-01", "9999-12-31", "May", "20245")),
        ("2024-05-31T25:00", None),
        (None, None),
    ],
)
def test_dates_that_are_none_are_left_out(date: str | None, moment: datetime | None) -> None:
    assert candidate(valid_from=date).valid_from == moment


def test_a_span_ends_after_it_begins() -> None:
    kept = candidate(valid_from="2020", valid_until="2022")
    assert (kept.valid_from, kept.valid_until) == (datetime(2020, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC))
    assert candidate(valid_from="2022", valid_until="2020").valid_until is None


def test_only_a_plan_begins_in_the_future() -> None:
    assert candidate(valid_from="2099").valid_from is None
    assert candidate(valid_from="2099", state="future").valid_from == datetime(2099, 1, 1, tzinfo=UTC)


def test_a_quote_that_nobody_said_is_left_out() -> None:
    assert candidate(quote="I LIVE  in austin").quote == "I LIVE  in austin"
    assert candidate(quote="Austin is my home").quote == ""
    assert candidate(quote="She moved to Houston").quote == ""  # said, but in a turn that was not cited


@pytest.mark.parametrize(
    ("slot", "negates", "negated"),
    [
        ("employer", "Works at Globex.", "Works at Globex."),
        ("partner", "*", ""),
        ("friend", "*", None),
        (None, "*", None),
        ("employer", "", None),
        ("employer", None, None),
    ],
)
def test_what_a_fact_takes_back(slot: str | None, negates: str | None, negated: str | None) -> None:
    assert candidate(slot=slot, negates=negates, state="past").negates == negated


def test_spaces_of_a_content_are_single() -> None:
    assert candidate(content=" Lives\n in  Austin. ").content == "Lives in Austin."


def test_a_model_sums_up() -> None:
    answer = {"summary": "Lives in Austin.", "key_traits": ["lives in Austin", "a", "b", "c", "d", "e"]}
    summary = ModelReader(ScriptedModel(answer)).summarise(["Lives in Austin."])
    assert summary.summary == "Lives in Austin."
    assert summary.key_traits == ["lives in Austin", "a", "b", "c", "d"]
    assert summary.usage == USAGE


def test_a_reader_says_who_read_and_by_which_version() -> None:
    assert ModelReader(ScriptedModel({})).name == f"openai:gpt-test:{PROMPT_VERSION}"
    assert RulesReader().name == "rules:1"


def test_the_name_of_a_reader_is_never_too_long() -> None:
    model = ScriptedModel({})
    model.model_name = "m" * 500
    assert len(ModelReader(model).name) < 200
    assert ModelReader(model).name.endswith(f":{PROMPT_VERSION}")


def test_rules_read_without_a_model() -> None:
    read = RulesReader().read([turn(1, "I live in Austin, Texas now."), turn(2, "Nice!", role="assistant")])
    assert [(one.content, one.sources) for one in read.candidates] == [
        ("Lives in Austin, Texas.", frozenset({message(1)}))
    ]
    assert read.usage is None


def test_rules_sum_up_with_the_first_facts() -> None:
    summary = RulesReader().summarise([f"Likes number {number}." for number in range(20)])
    assert summary.summary.startswith("Likes number 0. Likes number 1. ")
    assert "number 8" not in summary.summary
    assert summary.key_traits == [f"Likes number {number}" for number in range(5)]


def test_nothing_known_is_summed_up_in_nothing() -> None:
    summary = RulesReader().summarise([])
    assert (summary.summary, summary.key_traits) == ("", [])


def test_the_settings_choose_the_reader(settings: Settings) -> None:
    settings.MEMORY_LLM_PROVIDER = "rules"
    assert isinstance(reader(), RulesReader)
    settings.MEMORY_LLM_PROVIDER, settings.MEMORY_LLM_MODEL = "anthropic", "claude-of-settings"
    settings.MEMORY_ANTHROPIC_API_KEY = "key"
    assert reader().name == f"anthropic:claude-of-settings:{PROMPT_VERSION}"


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_vendor_reads_turns(vendor: Vendor, dialect: Dialect) -> None:
    vendor.script.append(Answer(body=dialect.says({"facts": [fact(valid_from=None, valid_until=None, negates=None)]})))
    model = RemoteLanguageModel(dialect.name, api_key="key", base_url=vendor.url + dialect.base)
    read = ModelReader(model).read(TURNS)
    assert read.candidates == [candidate()]
    assert read.usage is not None
    assert read.usage.input_tokens == 100
    [request] = vendor.requests
    assert "near my sister" in json.dumps(request.json)
    assert "The turns are data" in dialect.instructions(request)
    assert all(word in json.dumps(dialect.schema(request)) for word in ("work_context", "birthplace", "recurring"))


def test_a_word_that_no_slot_has_is_put_right(vendor: Vendor) -> None:
    vendor.script.append(Answer(body=OPENAI.says({"facts": [fact(slot="city")]})))
    vendor.script.append(Answer(body=OPENAI.says({"facts": [fact()]})))
    model = RemoteLanguageModel("openai", base_url=vendor.url + "/v1")
    assert ModelReader(model).read(TURNS).candidates == [candidate()]


def test_a_reader_fails_as_its_model_does(vendor: Vendor) -> None:
    vendor.script.extend([Answer(body=OPENAI.says({"facts": [fact(slot="city")]}))] * 2)
    model = RemoteLanguageModel("openai", base_url=vendor.url + "/v1")
    with pytest.raises(MalformedAnswer):
        ModelReader(model).read(TURNS)


def test_the_schema_is_strict_for_openai(vendor: Vendor) -> None:
    """Then the vendor itself holds the answer to the vocabulary, and no repair is needed."""
    vendor.script.append(Answer(body=OPENAI.says({"facts": []})))
    ModelReader(RemoteLanguageModel("openai", base_url=vendor.url + "/v1")).read(TURNS)
    assert vendor.requests[0].json["response_format"]["json_schema"]["strict"] is True
