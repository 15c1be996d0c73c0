"""A context over HTTP: shapes, parameters, whose it is."""

import pytest
from django.utils import timezone

from memories import tokens
from memories.tests.api.calls import FACT_FIELDS, complaint, stored
from memories.tests.factories import FactFactory
from tenants import keys
from tenants.models import Scope
from tenants.tests.plain_login import PlainClient

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("inline")]
PATH = "/v1/memory/context"
MESSAGE_FIELDS = {"message_id", "conversation_id", "role", "content", "created_at", "score"}


@pytest.fixture
def store(api, commit):
    def act(*contents: str, **fields) -> list[str]:
        with commit():
            return [stored(api, content=content, **fields)["id"] for content in contents]

    return act


def told(api, query="cat", **parameters):
    response = api.get(PATH, {"query": query, **parameters})
    assert response.status_code == 200, response.content
    return response.json()


def contents(answer):
    return [message["content"] for message in answer["messages"]]


def test_the_shape_of_an_answer(api, store):
    beside, hit = store("the weather is fine", "the cat sat on the mat")
    answer = told(api, mode="lexical")
    assert answer.keys() == {"text", "tokens", "messages", "facts", "degraded"}
    assert [message.keys() for message in answer["messages"]] == [MESSAGE_FIELDS] * 2
    assert [message["message_id"] for message in answer["messages"]] == [beside, hit]
    assert [message["score"] is None for message in answer["messages"]] == [True, False]
    assert "[2] user: the cat sat on the mat" in answer["text"]
    assert (answer["tokens"], answer["degraded"]) == (tokens.count(answer["text"]), False)


def test_nothing_found_is_no_error(api):
    assert told(api) == {"text": "", "tokens": 0, "messages": [], "facts": [], "degraded": False}


def test_post_takes_the_same_as_json(api, store):
    store("the cat", metadata={"n": 5})
    body = {"query": "cat", "limit": 3, "mode": "lexical", "metadata.n": 5, "max_tokens": 200, "neighbours": 0}
    assert contents(api.post(PATH, body).json()) == ["the cat"]
    assert contents(api.post(PATH, body | {"metadata.n": 6}).json()) == []


def test_ten_hits_by_default_and_top_k_or_limit_of_them(api, store):
    store(*(f"cat number {n}" for n in range(15)))
    for parameters, count in (({}, 10), ({"top_k": 12}, 12), ({"limit": 3}, 3)):
        assert len(told(api, neighbours=0, **parameters)["messages"]) == count


def test_a_block_keeps_to_the_tokens_asked_for(api, store):
    store(*(f"cat number {n}" for n in range(15)))
    for max_tokens in (100, 150, 1000):
        assert 0 < told(api, max_tokens=max_tokens)["tokens"] <= max_tokens


def test_filters_are_those_of_the_search(api, store):
    store("a cat")
    store("the cat", conversation_id="other", role="assistant")
    assert contents(told(api, conversation_id="other")) == contents(told(api, role="assistant")) == ["the cat"]


def test_a_users_facts_are_told_in_full(api, maya, store):
    now = timezone.now()
    FactFactory.create(end_user=maya, content="Has a cat called Tiger.", is_essential=True, said_at=now)
    (fact,) = told(api, user_id="maya")["facts"]
    assert fact.keys() == FACT_FIELDS
    assert fact["content"] == "Has a cat called Tiger."


def test_a_key_of_an_end_user_needs_no_user_id_and_tells_of_that_user_alone(maya_api, ben_api, maya, store):
    FactFactory.create(end_user=maya, content="Has a cat called Tiger.", is_essential=True)
    store("my cat", user_id="maya")
    answer = told(maya_api)
    assert (len(answer["facts"]), contents(answer)) == (1, ["my cat"])
    assert told(ben_api)["text"] == told(ben_api, user_id="maya")["text"] == ""


def test_turns_around_a_hit_that_are_of_somebody_else_are_not_told_with_a_users_key(maya_api, store):
    store("my cat", user_id="maya")
    store("the secret of ben", user_id="ben")
    assert contents(told(maya_api)) == ["my cat"]


def test_another_tenants_rows_never_show(api, other_api, store):
    store("my cat")
    assert told(other_api)["text"] == ""


def test_a_write_is_told_in_the_next_context(api, store):
    store("cat one")
    assert len(told(api)["messages"]) == 1
    store("cat two")
    assert len(told(api)["messages"]) == 2


def test_reading_is_enough_for_a_post(tenant):
    client = PlainClient()
    client.credentials(HTTP_X_API_KEY=keys.issue(tenant, name="reader", scopes=[Scope.READ])[1])
    assert client.post(PATH, {"query": "cat"}).status_code == 200


def test_without_the_provider_the_answer_is_lexical_and_says_so(api, store, settings):
    store("a cat", "a dog")
    settings.MEMORY_EMBEDDING_PROVIDER = "openai"
    settings.MEMORY_OPENAI_API_KEY = "sk-test"
    settings.MEMORY_OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    answer = told(api, neighbours=0)
    assert (contents(answer), answer["degraded"]) == (["a cat"], True)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("max_tokens", 99), ("max_tokens", 32_001), ("max_tokens", "x"), ("neighbours", 4), ("top_k", 101),
        ("explain", True), ("query", " "), ("mode", "magic"), ("colour", "red"),
    ],
)  # fmt: skip
def test_a_bad_parameter_is_a_400_that_names_it(api, parameter, value):
    assert complaint(api.get(PATH, {"query": "x", parameter: value}))[::2] == (400, parameter)
    assert complaint(api.post(PATH, {"query": "x", parameter: value}))[::2] == (400, parameter)
