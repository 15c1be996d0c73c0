from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from memories.ingest import NewMessage, store
from memories.models import Message, Role
from memories.providers.base import ProviderRejected, ProviderUnavailable, Vectors
from memories.providers.mock import MockProvider
from memories.search import Query, Result
from memories.tests.helpers import searched
from memories.tests.search.brute_force import cosines
from memories.tests.search.talk import NOW, ask, contents, told
from tenants.tests.factories import EndUserFactory, TenantFactory

pytestmark = pytest.mark.django_db
WORDS = ["cat", "dog", "sea", "tax", "tree", "moon", "bread", "train", "doctor", "garden", "music", "piano"]


class Silent(MockProvider):
    """Cannot embed a query."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def embed_query(self, text: str) -> Vectors:
        raise self.error


# --- By words ---------------------------------------------------------------------------------------------------------


def test_any_word_of_the_query_matches(tenant) -> None:
    told(tenant, "Anna adopted a cat", "the tax forms are due", "it rains", embedded=False)
    found = contents(ask(tenant, "which cat pays tax", mode="lexical"))
    assert sorted(found) == ["Anna adopted a cat", "the tax forms are due"]


def test_words_match_in_any_form(tenant) -> None:
    told(tenant, "she was painting the garden", embedded=False)
    assert contents(ask(tenant, "gardens painted", mode="lexical")) == ["she was painting the garden"]


def test_more_of_the_words_come_first(tenant) -> None:
    told(tenant, "a cat", "a cat and a dog", "a dog by the sea with a cat", embedded=False)
    found = contents(ask(tenant, "cat dog sea", mode="lexical"))
    assert found == ["a dog by the sea with a cat", "a cat and a dog", "a cat"]


def test_what_is_not_embedded_yet_is_found_by_its_words(tenant) -> None:
    told(tenant, "a cat", embedded=False)
    (hit,) = ask(tenant, "cat").hits
    assert hit.ranked.candidate.similarity is None
    assert hit.ranked.candidate.lexical_rank == 1


@pytest.mark.parametrize(
    "text",
    [
        "cat & dog | !sea : * '",
        "'cat' \"dog\" \\ (sea",
        "cat:*A & !(dog <-> sea)",
        "http://example.org/a&b?c=d | cat",
        "<b>cat</b> & <script>",
        "&", "'", "''''", "\\", "the", "🐈 cat", "cat's",
        "🐈" * 8000,
        "cat " * 2000,
        " ".join(f"w{n}" for n in range(1400)) + " cat",
        "x" * 8000,
        "a|b&" * 2000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["lexical", "hybrid"])
def test_no_text_breaks_a_search(tenant, text: str, mode: Any) -> None:
    told(tenant, "a cat", "the dog", "& | ! : * ' \" \\")
    found = contents(ask(tenant, text, mode=mode))
    assert "cat" not in text or "a cat" in found


@examples(max_examples=40, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60))
def test_a_text_finds_itself_by_its_words(text: str) -> None:
    tenant = TenantFactory.create()
    told(tenant, f"zebra {text}", embedded=False)
    assert len(ask(tenant, f"{text} zebra", mode="lexical").hits) == 1


# --- By meaning -------------------------------------------------------------------------------------------------------


def random_texts(seed: int, count: int) -> list[str]:
    """Of very different lengths: some have several windows."""
    random = Random(seed)
    return [" ".join(random.choices(WORDS, k=random.choice([2, 5, 20, 900]))) + f" {n}" for n in range(count)]


def by_brute_force(texts: Sequence[str], query: str) -> list[float]:
    """The similarity of each text's best window."""
    provider = MockProvider()
    vector = provider.embed_query(query)
    return [float(cosines(provider.embed_documents(provider.split(text)), vector).max()) for text in texts]


@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_are_exactly_the_nearest(tenant, settings, seed: int) -> None:
    settings.MEMORY_RANKING_WEIGHTS = {"semantic": 1.0, "lexical": 0.0, "importance": 0.0, "recency": 0.0}
    texts, query = random_texts(seed, 60), f"{WORDS[seed]} {WORDS[-seed]}"
    told(tenant, *texts)
    expected = sorted(zip(by_brute_force(texts, query), texts, strict=True), reverse=True)[:10]
    result = ask(tenant, query, mode="semantic", top_k=10)
    assert contents(result) == [text for _, text in expected]
    similarities = [hit.ranked.candidate.similarity for hit in result.hits]
    assert similarities == pytest.approx([similarity for similarity, _ in expected], abs=1e-5)
    assert [hit.ranked.candidate.semantic_rank for hit in result.hits] == list(range(1, 11))


def test_a_long_message_is_found_by_its_end(tenant) -> None:
    told(tenant, "bread " * 2000 + "at last a zebra " * 100, *["bread and music"] * 3)
    (hit, *_) = ask(tenant, "at last a zebra", mode="semantic").hits
    assert "zebra" in hit.message.content


def test_vectors_of_another_model_are_not_compared(tenant) -> None:
    told(tenant, "a cat")
    assert ask(tenant, "a cat", mode="semantic", provider=MockProvider(dimensions=32)).hits == []


# --- Both -------------------------------------------------------------------------------------------------------------


def test_hybrid_puts_what_both_find_first(tenant, settings) -> None:
    settings.MEMORY_RANKING_WEIGHTS = {"semantic": 0.5, "lexical": 0.5, "importance": 0.0, "recency": 0.0}
    told(tenant, "a cat sleeps", "catlike cattle scatter", "tax")
    ranked = [hit.ranked for hit in ask(tenant, "cat sleeps").hits]
    assert contents(ask(tenant, "cat sleeps")) == ["a cat sleeps", "catlike cattle scatter", "tax"]
    assert [bool(one.parts["lexical"]) for one in ranked] == [True, False, False]
    for one in ranked:
        assert one.score == pytest.approx(0.5 * one.parts["semantic"] + 0.5 * one.parts["lexical"])


@pytest.mark.parametrize(
    ("mode", "provider", "absent"),
    [
        ("hybrid", MockProvider(), set()),
        ("hybrid", Silent(ProviderUnavailable("gone")), {"semantic", "answer"}),
        ("semantic", MockProvider(), {"lexical", "context", "exact", "statement", "answer", "conversation"}),
        ("lexical", MockProvider(), {"semantic", "context", "speaker", "statement", "answer", "conversation", "date"}),
    ],
    ids=["both", "both-degraded", "meaning", "words"],
)
def test_a_retrieval_that_takes_no_part_has_no_weight(tenant, mode: Any, provider: Any, absent: set[str]) -> None:
    weights = ask(tenant, "cat", mode=mode, provider=provider).weights
    assert {name for name, weight in weights.items() if not weight} == absent


def test_importance_and_recency_tip_the_scales(tenant, settings) -> None:
    settings.MEMORY_RANKING_WEIGHTS = {"semantic": 0.5, "lexical": 0.3, "importance": 0.1, "recency": 0.1}
    told(tenant, "a cat", created_at=NOW - timedelta(days=60))
    told(tenant, "a cat", created_at=NOW - timedelta(days=60), importance_override=1.0)
    told(tenant, "a cat", created_at=NOW)
    hits = ask(tenant, "cat").hits
    assert [(hit.message.created_at == NOW, hit.message.importance_override) for hit in hits] == [
        (True, None),
        (False, 1.0),
        (False, None),
    ]


def test_top_k_is_all_there_is_to_see(tenant) -> None:
    told(tenant, *[f"cat {n}" for n in range(9)])
    assert len(ask(tenant, "cat", top_k=4).hits) == 4
    assert len(ask(tenant, "cat", top_k=100).hits) == 9
    assert contents(ask(tenant, "cat", top_k=4)) == contents(ask(tenant, "cat", top_k=9))[:4]


def test_candidates_are_the_best_of_each_retrieval(tenant) -> None:
    told(tenant, "cat", "cat dog", "sea", "tax")
    found = ask(tenant, "cat dog", candidate_limit=1, top_k=1)
    assert contents(found) == ["cat dog"]


def test_candidates_are_never_fewer_than_the_result_may_have(tenant) -> None:
    told(tenant, *[f"cat {n}" for n in range(9)])
    assert len(ask(tenant, "cat", candidate_limit=1, top_k=9).hits) == 9


def test_an_empty_tenant_has_no_hits(tenant) -> None:
    assert ask(tenant, "cat").hits == []


# --- Without the provider ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["hybrid", "semantic"])
@pytest.mark.parametrize("error", [ProviderUnavailable("HTTP 503"), ProviderRejected("wrong key")])
def test_without_the_provider_the_answer_is_by_words(tenant, mode: Any, error: Exception) -> None:
    told(tenant, "a cat", "the sea")
    result = ask(tenant, "cat", mode=mode, provider=Silent(error))
    assert (contents(result), result.degraded) == (["a cat"], True)
    assert result.weights["semantic"] == 0


def test_a_search_by_words_asks_no_provider(tenant) -> None:
    told(tenant, "a cat")
    result = ask(tenant, "cat", mode="lexical", provider=Silent(ProviderUnavailable("HTTP 503")))
    assert (contents(result), result.degraded) == (["a cat"], False)


def test_what_is_left_rules_where_the_settings_give_it_no_weight(tenant, settings) -> None:
    settings.MEMORY_RANKING_WEIGHTS = {"semantic": 1.0, "lexical": 0.0, "importance": 0.0, "recency": 0.0}
    told(tenant, "a cat", "a cat, a dog")
    result = ask(tenant, "cat dog", provider=Silent(ProviderUnavailable("HTTP 503")))
    assert contents(result) == ["a cat, a dog", "a cat"]
    assert (result.weights["semantic"], result.weights["lexical"]) == (0.0, 1.0)


def test_after_an_outage_answers_are_whole_again(tenant) -> None:
    told(tenant, "a cat", "the sea")
    ask(tenant, "cat", provider=Silent(ProviderUnavailable("HTTP 503")))
    result = ask(tenant, "cat")
    assert (len(result.hits), result.degraded) == (2, False)


# --- Filters ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def varied(tenant):
    """Twenty turns that suit no filter of the tests below, and better than the two that do."""
    told(tenant, *["cat cat"] * 20, role="assistant", conversation_id="other", created_at=NOW - timedelta(days=30))
    fitting: dict[str, Any] = {"user_id": "anna", "metadata": {"lang": "en", "n": 1}, "importance_override": 1.0}
    told(tenant, "one cat", "two cats", **fitting)
    return tenant


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "lexical"])
@pytest.mark.parametrize(
    "wanted",
    [
        {"conversation_id": "c1"},
        {"user_id": "anna"},
        {"role": "user"},
        {"since": NOW - timedelta(days=1)},
        {"since": NOW - timedelta(days=1), "until": NOW},
        {"metadata": {"lang": "en"}},
        {"metadata": {"lang": "en", "n": 1}},
        {"importance_min": 0.7},
    ],
)
def test_a_filter_is_exact_and_thins_nothing(varied, mode: Any, wanted: dict[str, Any]) -> None:
    found = contents(ask(varied, "cat", mode=mode, top_k=2, candidate_limit=2, **wanted))
    assert sorted(found) == ["one cat", "two cats"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"conversation_id": "none"},
        {"user_id": "nobody"},
        {"role": Role.TOOL},
        {"since": NOW + timedelta(days=1)},
        {"until": NOW - timedelta(days=40)},
        {"metadata": {"lang": "de"}},
        {"user_id": "anna", "role": "assistant"},
        {"importance_min": 1.0},
    ],
)
def test_a_filter_that_nothing_passes(varied, wanted: dict[str, Any]) -> None:
    assert ask(varied, "cat", **wanted).hits == []


def test_bounds_in_time_are_inclusive(tenant) -> None:
    (message,) = told(tenant, "cat")
    assert ask(tenant, "cat", since=message.created_at, until=message.created_at).hits


def test_the_least_importance_is_of_the_moment(tenant, settings) -> None:
    told(tenant, "cat")
    settings.MEMORY_CACHE_SEARCH_TTL_SECONDS = 0
    query, later = Query("cat", importance_min=0.8), NOW + timedelta(days=7)
    assert searched(tenant, query, now=NOW).hits
    assert not searched(tenant, query, now=later).hits


def test_a_user_is_known_by_our_id_too(tenant) -> None:
    anna = EndUserFactory.create(tenant=tenant, external_id="anna")
    told(tenant, "cat", user_id="anna")
    told(tenant, "cat", user_id="bert")
    assert len(ask(tenant, "cat", user_id=str(anna.pk)).hits) == 1


def test_archived_messages_are_hidden_unless_wanted(tenant) -> None:
    told(tenant, "cat one", "cat two")
    Message.objects.filter(content="cat one").update(archived_at=NOW)
    assert contents(ask(tenant, "cat")) == ["cat two"]
    assert len(ask(tenant, "cat", include_archived=True).hits) == 2


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "lexical"])
def test_other_tenants_are_not_seen(tenant, mode: Any) -> None:
    other = TenantFactory.create()
    told(tenant, "our cat")
    told(other, "their cat")
    assert contents(ask(tenant, "cat", mode=mode)) == ["our cat"]
    assert contents(ask(other, "cat", mode=mode)) == ["their cat"]


def test_a_filter_names_nothing_of_another_tenant(tenant) -> None:
    foreign = EndUserFactory.create()
    told(foreign.tenant, "their cat", user_id=foreign.external_id, conversation_id="theirs")
    told(tenant, "our cat")
    assert ask(tenant, "cat", user_id=str(foreign.pk)).hits == []
    assert ask(tenant, "cat", conversation_id="theirs").hits == []


# --- Neighbours -------------------------------------------------------------------------------------------------------


def around(result: Result) -> list[tuple[list[str], str, list[str]]]:
    return [
        ([turn.content for turn in hit.before], hit.message.content, [turn.content for turn in hit.after])
        for hit in result.hits
    ]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, ([], "cat", [])),
        (1, (["b"], "cat", ["d"])),
        (2, (["a", "b"], "cat", ["d", "e"])),
        (3, (["a", "b"], "cat", ["d", "e", "f"])),
    ],
)
def test_neighbours_are_the_turns_around(tenant, count: int, expected: Any) -> None:
    told(tenant, "a", "b", "cat", "d", "e", "f")
    told(tenant, "x", "y", conversation_id="c2")
    assert around(ask(tenant, "cat", mode="lexical", neighbours=count)) == [expected]


def test_turns_of_the_same_moment_are_neighbours_in_their_order(tenant) -> None:
    turns = [NewMessage("c1", "user", content, created_at=NOW) for content in ("a", "b", "cat", "d", "e")]
    store(tenant, turns)
    assert around(ask(tenant, "cat", mode="lexical", neighbours=1)) == [(["b"], "cat", ["d"])]
    assert around(ask(tenant, "cat", mode="lexical", neighbours=3)) == [(["a", "b"], "cat", ["d", "e"])]


def test_what_is_shown_beside_a_better_hit_is_no_hit_of_its_own(tenant) -> None:
    told(tenant, "cat", "dog", "cat cat", "x", "y", "a cat far off")
    found = around(ask(tenant, "cat", mode="lexical", neighbours=2))
    assert found == [(["cat", "dog"], "cat cat", ["x", "y"]), (["x", "y"], "a cat far off", [])]


def test_hits_apart_are_as_many_as_asked_for(tenant) -> None:
    told(tenant, *["cat"] * 20, embedded=False)
    assert len(ask(tenant, "cat", mode="lexical", top_k=4, neighbours=1).hits) == 4


def test_archived_turns_are_no_neighbours(tenant) -> None:
    told(tenant, "a", "b", "cat")
    Message.objects.filter(content="b").update(archived_at=NOW)
    assert around(ask(tenant, "cat", mode="lexical", neighbours=1)) == [(["a"], "cat", [])]


def test_neighbours_of_a_hundred_hits(tenant) -> None:
    told(tenant, *["cat"] * 110, embedded=False)
    result = ask(tenant, "cat", mode="lexical", top_k=100, neighbours=3)
    ids = list(Message.objects.order_by("created_at").values_list("pk", flat=True))
    for hit in result.hits:
        here = ids.index(hit.message.pk)
        assert [turn.pk for turn in hit.before] == ids[max(here - 3, 0) : here]
        assert [turn.pk for turn in hit.after] == ids[here + 1 : here + 4]


def test_no_hits_have_no_neighbours(tenant) -> None:
    assert ask(tenant, "cat", neighbours=3).hits == []
