"""Language models of all four vendors, through their SDKs, against the server on loopback."""

import json
import logging
import multiprocessing
import re
import traceback
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from memories.providers import remote_language_model
from memories.providers.base import (
    MalformedAnswer,
    ProviderError,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUnavailable,
    Refused,
)
from memories.providers.language_model import Answered, Usage
from memories.providers.remote_language_model import RemoteLanguageModel
from memories.providers.resilience import CircuitOpen
from memories.tests.providers.conftest import Answer, Vendor
from memories.tests.providers.dialects import ANTHROPIC, DIALECTS, GEMINI, OPENAI, OPENROUTER, Dialect

KEY = "key-secret"
TEXT = "secret-text of a user"
ONE_CALL = {"calls": 1, "input_tokens": 100, "output_tokens": 20}
TWO_CALLS = {"calls": 2, "input_tokens": 200, "output_tokens": 40}


class City(BaseModel):
    city: str
    population: int


AUSTIN = City(city="Austin", population=974_447)


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.name)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    chosen: Dialect = request.param
    return chosen


def build(vendor: Vendor, dialect: Dialect = OPENAI, **options: Any) -> RemoteLanguageModel:
    return RemoteLanguageModel(dialect.name, **{"api_key": KEY, "base_url": vendor.url + dialect.base, **options})


def ask(model: RemoteLanguageModel, text: str = TEXT) -> Answered[City]:
    return model.ask(text, instructions="Name the city. Be exact.", answer=City)


def refused(model: RemoteLanguageModel, reason: type[ProviderError]) -> Any:
    """The exception that a question ends with, whose traceback tells neither key nor text."""
    with pytest.raises(reason) as caught:
        ask(model)
    assert type(caught.value) is reason
    assert "secret" not in "".join(traceback.format_exception(caught.value))
    return caught.value


def counts(usage: Usage | None) -> dict[str, int]:
    assert usage is not None
    return {"calls": usage.calls, "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}


def test_an_answer_has_the_form_that_was_asked_for(vendor: Vendor, dialect: Dialect) -> None:
    vendor.script.append(Answer(body=dialect.says(AUSTIN)))
    answered = ask(build(vendor, dialect))
    assert answered.output == AUSTIN
    assert counts(answered.usage) == ONE_CALL


def test_the_cost_is_known_of_every_default_model(vendor: Vendor, dialect: Dialect) -> None:
    vendor.script.append(Answer(body=dialect.says(AUSTIN)))
    cost = ask(build(vendor, dialect)).usage.cost
    assert cost is not None
    assert Decimal(0) < cost < Decimal("0.001")


def test_the_cost_of_an_unknown_model_is_unknown(vendor: Vendor) -> None:
    vendor.script.append(Answer(body=OPENAI.says(AUSTIN) | {"model": "our-own-model"}))
    assert ask(build(vendor, model_name="our-own-model")).usage.cost is None


def test_the_request_carries_key_model_instructions_text_and_schema(vendor: Vendor, dialect: Dialect) -> None:
    vendor.script.append(Answer(body=dialect.says(AUSTIN)))
    model = build(vendor, dialect)
    ask(model)
    [request] = vendor.requests
    assert (model.name, model.model_name) == (dialect.name, dialect.model)
    assert request.path == dialect.path
    assert request.headers[dialect.key_header].removeprefix("Bearer ") == KEY
    assert "Name the city. Be exact." in dialect.instructions(request)
    assert TEXT in json.dumps(request.json)
    assert dialect.schema(request)["required"] == ["city", "population"]


def test_a_model_without_schemas_answers_through_a_tool(vendor: Vendor) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "final_result", "input": AUSTIN.model_dump()}
    vendor.script.append(Answer(body=ANTHROPIC.says(AUSTIN) | {"content": [call], "stop_reason": "tool_use"}))
    assert ask(build(vendor, ANTHROPIC, model_name="claude-of-ours")).output == AUSTIN
    assert vendor.requests[0].json["tools"][0]["input_schema"]["required"] == ["city", "population"]


def test_a_malformed_answer_is_put_right_once(vendor: Vendor, dialect: Dialect) -> None:
    vendor.script.append(Answer(body=dialect.says({"city": "Austin"})))
    vendor.script.append(Answer(body=dialect.says(AUSTIN)))
    answered = ask(build(vendor, dialect))
    assert answered.output == AUSTIN
    assert counts(answered.usage) == TWO_CALLS
    assert "Field required" in json.dumps(vendor.requests[1].json)


@pytest.mark.parametrize("answer", ['{"city": "Austin"}', "Well, secret-text is in Austin", '{"city": "secret', ""])
def test_a_second_malformed_answer_is_the_end(vendor: Vendor, dialect: Dialect, answer: str) -> None:
    vendor.script.extend([Answer(body=dialect.text(answer))] * 3)
    error = refused(build(vendor, dialect), MalformedAnswer)
    assert counts(error.usage) == TWO_CALLS
    assert len(vendor.requests) == 2


def test_a_refusal_is_not_repeated(vendor: Vendor, dialect: Dialect) -> None:
    vendor.script.append(Answer(body=dialect.refusal()))
    error = refused(build(vendor, dialect), Refused)
    assert error.usage.calls == 1
    assert error.usage.input_tokens == 100
    assert len(vendor.requests) == 1


def test_an_answer_that_a_filter_cut_off_is_a_refusal(vendor: Vendor) -> None:
    answer = GEMINI.text('{"city": "secret')
    answer["candidates"][0]["finishReason"] = "SAFETY"
    vendor.script.append(Answer(body=answer))
    refused(build(vendor, GEMINI), Refused)


def test_a_limited_rate_is_waited_out(vendor: Vendor, dialect: Dialect) -> None:
    vendor.script.append(Answer(429, dialect.error(429, TEXT), {"Retry-After": "0"}))
    vendor.script.append(Answer(body=dialect.says(AUSTIN)))
    assert counts(ask(build(vendor, dialect)).usage) == ONE_CALL
    assert len(vendor.requests) == 2


def test_a_long_wait_is_left_to_the_caller(vendor: Vendor, dialect: Dialect) -> None:
    vendor.script.append(Answer(429, dialect.error(429, TEXT), {"Retry-After": "3600"}))
    error = refused(build(vendor, dialect), ProviderUnavailable)
    assert error.retry_after == 3600
    assert error.usage is None
    assert len(vendor.requests) == 1


def test_gemini_names_the_wait_in_the_body(vendor: Vendor) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "134.5s"}]
    vendor.script.append(Answer(429, {"error": {"code": 429, "details": details}}))
    assert refused(build(vendor, GEMINI), ProviderUnavailable).retry_after == 134.5


@pytest.mark.parametrize("status", [500, 503, 529])
def test_a_failing_vendor_is_asked_three_times(vendor: Vendor, dialect: Dialect, status: int) -> None:
    vendor.script.extend([Answer(status, dialect.error(status, TEXT), {"Retry-After": "0"})] * 4)
    error = refused(build(vendor, dialect), ProviderUnavailable)
    assert f"HTTP {status}" in str(error)
    assert len(vendor.requests) == 3


def test_tokens_before_an_outage_are_counted(vendor: Vendor, dialect: Dialect) -> None:
    vendor.script.append(Answer(body=dialect.says({"city": "Austin"})))
    vendor.script.extend([Answer(500, dialect.error(500, TEXT), {"Retry-After": "0"})] * 3)
    assert counts(refused(build(vendor, dialect), ProviderUnavailable).usage) == ONE_CALL


def test_silence_is_unavailable(vendor: Vendor, dialect: Dialect) -> None:
    vendor.script.extend([Answer(hangs=True)] * 3)
    error = refused(build(vendor, dialect, timeout_seconds=0.1), ProviderUnavailable)
    assert re.search("could not be reached|took longer than", str(error))


def test_a_question_is_given_up_when_its_time_is_over(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_language_model, "ATTEMPTS", 0)
    vendor.script.append(Answer(body=OPENAI.says(AUSTIN)))
    assert "took longer than 0 seconds" in str(refused(build(vendor), ProviderUnavailable))


def test_no_server_is_unavailable(dialect: Dialect) -> None:
    model = RemoteLanguageModel(dialect.name, api_key=KEY, base_url="http://127.0.0.1:1", timeout_seconds=2)
    assert "could not be reached" in str(refused(model, ProviderUnavailable))


@pytest.mark.parametrize(("status", "hint"), [(400, "API_KEY"), (401, "API_KEY"), (403, "API_KEY"), (404, "LLM_MODEL")])
def test_what_is_not_accepted_is_not_repeated(vendor: Vendor, dialect: Dialect, status: int, hint: str) -> None:
    vendor.script.append(Answer(status, dialect.error(status, f"{KEY} may not read {TEXT}")))
    error = refused(build(vendor, dialect), ProviderRejected)
    assert f"HTTP {status}" in str(error)
    assert f"MEMORY_{hint}" in str(error).replace(f"{dialect.name.upper()}_", "")
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("body", ["<html>secret</html>", "[]", '"secret"', "{", '{"error": "secret"}'])
def test_what_is_no_answer_of_the_api_is_rejected(vendor: Vendor, dialect: Dialect, body: str) -> None:
    vendor.script.extend([Answer(body=body)] * 2)
    with pytest.raises(ProviderRejected) as caught:
        ask(build(vendor, dialect))
    assert "secret" not in str(caught.value)


def test_a_vendor_that_fails_again_and_again_is_left_alone(vendor: Vendor, dialect: Dialect) -> None:
    vendor.script.extend([Answer(500, dialect.error(500, TEXT), {"Retry-After": "0"})] * 5)
    model = build(vendor, dialect, failure_threshold=3)
    refused(model, ProviderUnavailable)
    error = refused(model, CircuitOpen)
    assert "paused" in str(error)
    assert 0 < error.retry_after <= 30
    assert len(vendor.requests) == 3


def test_malformed_answers_do_not_open_the_circuit(vendor: Vendor) -> None:
    vendor.script.extend([Answer(body=OPENAI.text("no"))] * 4)
    model = build(vendor, failure_threshold=1)
    refused(model, MalformedAnswer)
    refused(model, MalformedAnswer)


def test_threads_ask_at_once_and_in_turn(vendor: Vendor, dialect: Dialect) -> None:
    vendor.default = lambda sent: dialect.says(AUSTIN)
    model = build(vendor, dialect)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(model).output, range(16)))
    for _ in range(2):
        with ThreadPoolExecutor(1) as pool:
            answers.append(pool.submit(ask, model).result().output)
    assert answers == [AUSTIN] * 18


def test_a_forked_process_can_ask_after_its_parent(vendor: Vendor) -> None:
    vendor.default = lambda sent: OPENAI.says(AUSTIN)
    model = build(vendor)
    ask(model)
    child = multiprocessing.get_context("fork").Process(target=ask, args=(model,))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert len(vendor.requests) == 2


def test_nothing_that_is_said_is_logged(vendor: Vendor, dialect: Dialect, caplog: pytest.LogCaptureFixture) -> None:
    vendor.script.append(Answer(body=dialect.says({"city": "secret"})))
    vendor.script.append(Answer(401, dialect.error(401, f"{KEY} {TEXT}")))
    with caplog.at_level(logging.DEBUG):
        refused(build(vendor, dialect), ProviderRejected)
    assert "secret" not in caplog.text


def test_a_server_of_ones_own_needs_no_key(vendor: Vendor) -> None:
    vendor.script.append(Answer(body=OPENAI.says(AUSTIN)))
    assert ask(build(vendor, api_key=None, model_name="llama3.2")).output == AUSTIN
    assert vendor.requests[0].json["model"] == "llama3.2"
    assert "reasoning_effort" not in vendor.requests[0].json


@pytest.mark.parametrize("dialect", [ANTHROPIC, GEMINI, OPENROUTER], ids=lambda dialect: dialect.name)
def test_a_vendor_needs_its_key(dialect: Dialect) -> None:
    with pytest.raises(ProviderMisconfigured, match=f"MEMORY_{dialect.name.upper()}_API_KEY"):
        RemoteLanguageModel(dialect.name, base_url="http://127.0.0.1:1")


def test_openai_needs_a_key_or_a_server() -> None:
    with pytest.raises(ProviderMisconfigured, match="MEMORY_OPENAI_API_KEY, or MEMORY_LLM_BASE_URL"):
        RemoteLanguageModel("openai")


def test_an_address_has_a_scheme() -> None:
    with pytest.raises(ProviderMisconfigured, match="http://localhost:11434/v1"):
        RemoteLanguageModel("openai", base_url="localhost:11434/v1")


def test_models_of_openrouter_name_their_vendor() -> None:
    with pytest.raises(ProviderMisconfigured, match="openai/"):
        RemoteLanguageModel("openrouter", api_key=KEY, model_name="gpt-6-luna")


def test_usage_adds_up() -> None:
    one = Usage(calls=1, input_tokens=2, output_tokens=3, cost=Decimal("0.5"))
    assert one + one == Usage(calls=2, input_tokens=4, output_tokens=6, cost=Decimal(1))
    assert (one + Usage(calls=1, input_tokens=0, output_tokens=0, cost=None)).cost is None
