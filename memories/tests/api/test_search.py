"""Search over HTTP: shapes, modes, visibility, isolation. Its filters have a file of their own."""

from datetime import timedelta

import pytest
from django.utils import timezone

from memories.models import Message
from memories.tests.api.calls import complaint, ids, new, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("inline")]
HIT_FIELDS = {
    "message_id", "score", "similarity", "importance", "decay", "content", "role", "conversation_id", "metadata",
    "created_at",
}  # fmt: skip


@pytest.fixture
def store(api, commit):
    """Store messages of these contents, embedded; return their ids."""

    def act(*contents: str, **fields) -> list[str]:
        with commit():
            return [stored(api, content=content, **fields)["id"] for content in contents]

    return act


@pytest.fixture
def find(api):
    def act(query: str, **parameters):
        response = api.get("/v1/memory/search", {"query": query, **parameters})
        assert response.status_code == 200, response.content
        return response.json()

    return act


def found(answer) -> list[str]:
    return [item["message_id"] for item in answer["items"]]


@pytest.fixture
def no_provider(settings):
    """An embedding vendor at an address where nobody listens."""
    settings.MEMORY_EMBEDDING_PROVIDER = "openai"
    settings.MEMORY_OPENAI_API_KEY = "sk-test"
    settings.MEMORY_OPENAI_BASE_URL = "http://127.0.0.1:9/v1"


def test_the_shape_of_an_answer(store, find):
    (id_,) = store("the cat sat on the mat", metadata={"a": 1})
    answer = find("cat")
    assert answer.keys() == {"total", "items", "degraded"}
    assert (answer["total"], answer["degraded"]) == (1, False)
    (hit,) = answer["items"]
    assert hit.keys() == HIT_FIELDS
    assert (hit["message_id"], hit["content"], hit["metadata"]) == (id_, "the cat sat on the mat", {"a": 1})


def test_every_share_is_between_0_and_1(store, find):
    store("the cat sat", "dogs bark", "cats and dogs", "完全に別の")
    shares = [hit[name] for hit in find("cat")["items"] for name in ("score", "similarity", "importance", "decay")]
    assert len(shares) == 16
    assert all(0 <= share <= 1 for share in shares)


def test_the_best_comes_first_in_every_mode(store, find):
    _, best, _ = store("rain in Bergen", "my cat is called Tiger", "quarterly report")
    for mode in ("hybrid", "semantic", "lexical"):
        assert found(find("what is my cat called", mode=mode))[0] == best
    scores = [hit["score"] for hit in find("what is my cat called")["items"]]
    assert scores == sorted(scores, reverse=True)


def test_lexical_finds_only_what_shares_a_word(store, find):
    (cat, _) = store("a cat", "a dog")
    answer = find("cats", mode="lexical")
    assert (found(answer), answer["items"][0]["similarity"], answer["degraded"]) == ([cat], 0.0, False)


def test_semantic_reaches_what_shares_none(store, find):
    store("a cat", "a dog")
    assert len(found(find("weather", mode="semantic"))) == 2


def test_what_has_no_vector_yet_is_found_by_its_words(api, find):
    id_ = stored(api, content="fresh bread")["id"]
    assert found(find("bread")) == [id_]
    assert found(find("bread", mode="semantic")) == []


def test_five_by_default_and_top_k_or_limit_of_them(store, find):
    store(*(f"cat number {n}" for n in range(8)))
    assert len(found(find("cat"))) == 5
    assert len(found(find("cat", top_k=7))) == len(found(find("cat", limit=7))) == 7
    assert len(found(find("cat", limit=2, top_k=2))) == 2


def test_post_takes_the_same_as_json(api, store):
    (id_,) = store("the cat", metadata={"n": 5})
    body = {"query": "cat", "limit": 3, "mode": "lexical", "metadata.n": 5, "explain": False, "neighbours": 0}
    assert ids(api.post("/v1/memory/search", body)) == [id_]
    assert ids(api.post("/v1/memory/search", body | {"metadata.n": 6})) == []


def test_candidate_limit_bounds_each_retrieval(store, find):
    store(*(f"cat {n}" for n in range(6)))
    assert len(found(find("cat", mode="lexical", candidate_limit=3, top_k=2))) == 2
    assert len(found(find("cat", candidate_limit=1, top_k=6))) == 6


def test_importance_is_of_this_moment(store, find):
    week_ago = (timezone.now() - timedelta(days=7)).isoformat()
    old, new_one = store("old cat", created_at=week_ago)[0], store("new cat")[0]
    assert found(find("cat", importance_min=0.8)) == [new_one]
    hits = {hit["message_id"]: hit for hit in find("cat")["items"]}
    assert hits[old]["decay"] == pytest.approx(0.5, abs=1e-3)
    assert hits[old]["importance"] == pytest.approx((0.4 * 0.5 + 0.14) / 0.6, abs=1e-3)


def test_archived_ones_appear_on_demand(api, store, find):
    (id_,) = store("a cat")
    api.patch(f"/v1/messages/{id_}", {"archived": True})
    assert found(find("cat")) == []
    assert found(find("cat", include_archived="true")) == [id_]


def test_neighbours_are_the_turns_around(api, store, find):
    turns = store(*(["one", "two", "three", "needle", "five", "six", "seven"]))
    store("elsewhere", conversation_id="other")
    (hit,) = find("needle", mode="lexical", neighbours=2)["items"]
    assert [turn["message_id"] for turn in hit["before"]] == turns[1:3]
    assert [turn["message_id"] for turn in hit["after"]] == turns[4:6]
    assert hit["before"][0].keys() == {"message_id", "role", "content", "created_at"}


def test_neighbours_end_with_the_conversation(store, find):
    turns = store("needle", "last")
    (hit,) = find("needle", mode="lexical", neighbours=3)["items"]
    assert (hit["before"], [turn["message_id"] for turn in hit["after"]]) == ([], turns[1:])


def test_explain_shows_how_the_score_came_about(store, find):
    store("a cat", "a dog")
    for hit in find("cat", explain="true")["items"]:
        parts, weights = hit["explain"]["parts"], hit["explain"]["weights"]
        blend = sum(parts[name] * weights[name] for name in parts) / sum(weights[name] for name in parts)
        assert hit["score"] == pytest.approx(blend)
    best = find("cat", explain="true")["items"][0]["explain"]
    assert (best["semantic_rank"], best["lexical_rank"]) == (1, 1)
    assert best["parts"]["lexical"] > 0


def test_without_the_provider_the_answer_is_lexical_and_says_so(store, find, no_provider):
    with_word = Message.objects.filter(pk__in=store("a cat", "a dog"), content="a cat").get()
    answer = find("cat", mode="semantic", explain="true")
    assert (found(answer), answer["degraded"]) == ([str(with_word.pk)], True)
    assert answer["items"][0]["explain"]["weights"]["semantic"] == 0


def test_without_the_provider_lexical_is_not_degraded(store, find, no_provider):
    store("a cat")
    assert find("cat", mode="lexical")["degraded"] is False


# --- What a search must see, and must not ---------------------------------------------------------------------------


def test_a_write_is_visible_in_the_next_search(store, find):
    (one,) = store("cat one")
    assert found(find("cat")) == [one]
    (two,) = store("cat two")
    assert sorted(found(find("cat"))) == sorted([one, two])


def test_a_change_is_visible_in_the_next_search(api, store, find, commit):
    (id_,) = store("a cat")
    assert found(find("cat", mode="lexical")) == [id_]
    with commit():
        api.patch(f"/v1/messages/{id_}", {"content": "a dog"})
    assert found(find("cat", mode="lexical")) == []
    assert found(find("dog", mode="lexical")) == [id_]


@pytest.mark.parametrize("by", ["one", "batch", "conversation"])
def test_the_deleted_never_come_back_and_the_next_best_moves_up(api, store, find, commit, by):
    (first,) = store("cat cat cat", conversation_id="gone")
    (second,) = store("a cat among many other words")
    assert found(find("cat", top_k=1)) == [first]
    with commit():
        match by:
            case "one":
                api.delete(f"/v1/messages/{first}")
            case "batch":
                api.post("/v1/messages/batch/delete", {"message_ids": [first]})
            case "conversation":
                api.delete("/v1/conversations/gone")
    assert found(find("cat", top_k=1)) == [second]


def test_another_tenants_rows_never_show(store, find, other_api, commit):
    (mine,) = store("my cat")
    with commit():
        stored(other_api, content="their cat")
    assert found(find("cat")) == [mine]
    assert ids(other_api.get("/v1/memory/search", {"query": "cat"})) != [mine]


def test_two_tenants_that_ask_the_same_share_no_cached_answer(operator_api, commit):
    for tenant in ("one", "two"):
        with commit():
            operator_api.post("/v1/messages", new(tenant_id=tenant, content=f"cat of {tenant}"))
    for tenant in ("one", "two"):
        answer = operator_api.get("/v1/memory/search", {"query": "cat", "tenant_id": tenant}).json()
        assert [hit["content"] for hit in answer["items"]] == [f"cat of {tenant}"]


@pytest.mark.parametrize(
    "query", ["& | !", "'", "\\", ":*", "a & b | c !d <-> (e", "?", "👩‍👩‍👧", "猫", "x" * 8000, "the", "<b>&amp;"]
)
@pytest.mark.parametrize("mode", ["hybrid", "semantic", "lexical"])
def test_no_query_breaks_the_search(store, find, query, mode):
    (id_,) = store("something else")
    assert set(found(find(query, mode=mode))) <= {id_}


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("query", ""), ("query", " "), ("query", "x" * 8001), ("query", "a\0"), ("top_k", 0), ("top_k", 101),
        ("limit", 0), ("limit", "x"), ("mode", "magic"), ("candidate_limit", 0), ("candidate_limit", 1001),
        ("importance_min", 1.1), ("importance_min", -0.1), ("importance_min", "nan"), ("importance_min", "1e999"),
        ("neighbours", 4), ("neighbours", -1), ("include_archived", "maybe"), ("explain", 2), ("since", "x"),
        ("role", "robot"), ("conversation_id", "a b"), ("colour", "red"), ("metadata", "x"),
    ],
)  # fmt: skip
def test_a_bad_parameter_is_a_400_that_names_it(api, parameter, value):
    assert complaint(api.get("/v1/memory/search", {"query": "x", parameter: value}))[::2] == (400, parameter)
    assert complaint(api.post("/v1/memory/search", {"query": "x", parameter: value}))[::2] == (400, parameter)


def test_a_query_is_needed(api):
    assert complaint(api.get("/v1/memory/search")) == (400, "required", "query")
    assert complaint(api.post("/v1/memory/search", {})) == (400, "required", "query")


def test_limit_and_top_k_must_not_differ(api):
    assert complaint(api.get("/v1/memory/search", {"query": "x", "limit": 1, "top_k": 2}))[::2] == (400, "limit")


@pytest.mark.parametrize("value", ["5", True, None, 5.0, [], {}])
def test_json_types_are_kept_apart(api, value):
    assert complaint(api.post("/v1/memory/search", {"query": "x", "top_k": value}))[::2] == (400, "top_k")
