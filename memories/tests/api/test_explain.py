"""`explain=true`: every number is worked out anew, from nothing but the response and the formulas of the docs."""

from collections import defaultdict
from datetime import datetime, timedelta
from math import log
from statistics import median

import pytest

from memories.tests.api.calls import stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("inline")]
ASKED = "What did Caroline paint for the charity auction in May 2023, lot AX-42?"
ROLE = {"user": 0.7, "assistant": 0.5}
TALK = [  # who, when, what
    ("Melanie", "2023-05-08T10:00:00Z", "Are you painting again these days?"),
    ("Caroline", "2023-05-08T10:01:00Z", "Yes, I painted a sunrise over the lake, lot AX-42 of the auction."),
    ("Melanie", "2023-05-08T10:02:00Z", "A sunrise! Which charity is it?"),
    ("Caroline", "2023-05-08T10:03:00Z", "The animal shelter. I paint, and paint, and paint."),
    ("Melanie", "2023-06-03T09:00:00Z", "How did the charity auction go?"),
    ("Caroline", "2023-06-03T09:01:00Z", "Somebody bought it!"),
    ("Melanie", "2023-09-01T09:00:00Z", "We are moving to Bergen."),
]
PARTS = [
    "semantic", "lexical", "context", "exact", "speaker", "statement", "answer", "conversation", "date", "importance",
    "recency",
]  # fmt: skip


@pytest.fixture
def asked(api, commit, settings, request):
    """The answer to a question about TALK and another talk, with every message among the hits."""
    settings.MEMORY_EMBEDDING_PROVIDER = getattr(request, "param", "mock")
    with commit():
        for place, (who, when, what) in enumerate(TALK):
            role = ("user", "assistant")[place % 2]
            stored(api, content=what, role=role, metadata={"speaker": who}, created_at=when, conversation_id="auction")
        stored(api, content="May I have porridge?", conversation_id="breakfast")

    def act(query: str = ASKED, **parameters):
        response = api.get("/v1/memory/search", {"query": query, "top_k": 100, "explain": "true", **parameters})
        assert response.status_code == 200, response.content
        return response.json()

    return act


# --- The formulas -----------------------------------------------------------------------------------------------------


def rarity(word, total):
    return log(1 + (total - word["messages"] + 0.5) / (word["messages"] + 0.5))


def semantic(explained):
    if explained["closeness"] is not None:
        return min(max(2.2 * explained["closeness"], 0), 1)
    return min(max(2 / 3 * (explained["similarity"] or 0), 0), 1)


def answers(question, hits):
    """`hits` are all the candidates of the query: what is usual is their median."""
    if question["closeness"] is not None:
        usual = median(hit["explain"]["closeness"] for hit in hits)
        return min(max(2.6 * (question["closeness"] - usual - 0.09), 0), 1)
    usual = median(hit["explain"]["similarity"] for hit in hits)
    return min(max(1.64 * (question["similarity"] - usual - 0.14), 0), 1)


def bm25(frequencies, rarities, *, length, turns):
    damping = 1.2 * (1 - 0.6 + 0.6 * length / (12 * turns))
    return sum(weight * f / (f + damping) for f, weight in zip(frequencies, rarities, strict=True)) / sum(rarities)


def exact(frequencies, words):
    asked = [f for f, word in zip(frequencies, words, strict=True) if word["alternatives"][0].startswith("=")]
    return sum(f > 0 for f in asked) / (len(asked) or 1)


def date(said, times):
    return max((nearness(said, time) for time in times), default=0)


def nearness(said, time):
    begin, end = datetime.fromisoformat(time["begin"]), datetime.fromisoformat(time["end"])
    lasting = end - begin
    if time["yearly"]:
        begin = begin.replace(year=said.year)
        begin = begin if begin <= said else begin.replace(year=said.year - 1)
    after = begin + lasting
    if begin <= said < after:
        return 1
    return 0.5 if after <= said < after + min(max(lasting, timedelta(days=1)), timedelta(days=31)) else 0


def worked_out(hit, query):
    """The parts of a hit."""
    explained, rarities = hit["explain"], [word["rarity"] for word in query["words"]]
    return {
        "semantic": semantic(explained),
        "lexical": bm25(explained["frequencies"], rarities, length=explained["length"], turns=1),
        "context": bm25(explained["window_frequencies"], rarities, length=explained["window_length"], turns=3),
        "exact": exact(explained["frequencies"], query["words"]),
        "speaker": float(explained["said_by_named"]),
        "statement": 1.0 - explained["is_question"],
        "answer": explained["answers"],
        "conversation": sum(explained["leaders"]) / 3,
        "date": date(datetime.fromisoformat(hit["created_at"]), query["times"]),
        "importance": hit["importance"],
        "recency": hit["decay"],
    }


# --- The tests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["mock", "sentence_transformer"], indirect=True)  # without token vectors and with
def test_each_part_and_the_score_can_be_worked_out_by_hand(asked):
    answer = asked()
    assert answer["total"] == 8
    for hit in answer["items"]:
        explained, parts = hit["explain"], worked_out(hit, answer["explain"])
        weights = explained["weights"]
        assert explained["parts"] == pytest.approx(parts, abs=1e-6)
        contributions = {name: weights[name] * parts[name] / sum(weights.values()) for name in parts}
        assert explained["contributions"] == pytest.approx(contributions, abs=1e-6)
        assert hit["score"] == pytest.approx(sum(contributions.values()), abs=1e-6)
    shown = {name: {hit["explain"]["parts"][name] for hit in answer["items"]} for name in PARTS}
    assert all(len(values) > 1 for values in shown.values()), "each part tells hits apart here"


def test_rarity_follows_from_what_was_counted(asked):
    explained = asked()["explain"]
    assert explained["total"] == 8
    # paint, charity, auction, May, 2023, lot, AX, 42, AX-42 as it is written
    assert [word["messages"] for word in explained["words"]] == [3, 2, 2, 1, 0, 1, 1, 1, 1]
    for word in explained["words"]:
        assert word["rarity"] == pytest.approx(rarity(word, explained["total"]), abs=1e-6)


def test_frequencies_are_of_the_words_in_their_order(asked):
    (hit,) = [one for one in asked()["items"] if "and paint" in one["content"]]
    assert hit["explain"]["frequencies"][:3] == [3, 0, 0]
    assert hit["explain"]["window_frequencies"][:3] == [3, 1, 0]  # with "Which charity is it?" before it


def test_what_other_hits_lend_a_hit_is_seen_in_them(asked):
    """`answers` is how near the question before it is, `leaders` the best of its conversation that day."""
    hits = sorted(asked()["items"], key=lambda hit: hit["created_at"])
    sittings = defaultdict(list)
    for hit in hits:
        parts = hit["explain"]["parts"]
        sittings[hit["conversation_id"], hit["created_at"][:10]].append((parts["semantic"] + parts["lexical"]) / 2)
    for hit in hits:
        best = sorted(sittings[hit["conversation_id"], hit["created_at"][:10]], reverse=True)[:3]
        assert hit["explain"]["leaders"] == pytest.approx(best, abs=1e-6)
    said = [hit["explain"] for hit in hits if hit["conversation_id"] == "auction"]
    lent = [answers(said[place], hits) for place in (0, 2, 4)]
    assert [one["answers"] for one in said] == pytest.approx([0, lent[0], 0, lent[1], 0, lent[2], 0], abs=1e-6)


def test_importance_follows_from_the_decay(asked):
    for hit in asked()["items"]:
        by_hand = (0.4 * hit["decay"] + 0.2 * ROLE[hit["role"]]) / (0.4 + 0.2)
        assert hit["importance"] == pytest.approx(by_hand, abs=1e-6)


def test_the_query_shows_as_it_was_read(asked):
    explained = asked()["explain"]
    assert explained["participants"] == ["@caroline"]
    assert explained["times"] == [{"begin": "2023-05-01T00:00:00Z", "end": "2023-06-01T00:00:00Z", "yearly": False}]
    assert explained["words"][0]["alternatives"] == ["paint"]
    assert asked("painting")["explain"]["words"][0]["alternatives"][:2] == ["paint", "painting"]


def test_a_time_without_a_year_is_worked_out_too(asked):
    answer = asked("what was said on 8 May?")
    (time,) = answer["explain"]["times"]
    assert time["yearly"]
    dates = [worked_out(hit, answer["explain"])["date"] for hit in answer["items"]]
    assert [hit["explain"]["parts"]["date"] for hit in answer["items"]] == dates
    assert dates.count(1) == 4


def test_a_part_that_does_not_apply_has_no_weight(asked):
    (first, *_) = asked("porridge")["items"]
    explained = first["explain"]
    assert explained["weights"].keys() == explained["parts"].keys() == set(PARTS) - {"exact", "speaker", "date"}


def test_one_retrieval_alone_explains_itself_as_well(asked):
    by_words, by_meaning = asked(mode="lexical"), asked(mode="semantic")
    assert (by_words["explain"]["participants"], by_meaning["explain"]["words"]) == ([], [])
    for hit in [*by_words["items"], *by_meaning["items"]]:
        assert hit["score"] == pytest.approx(sum(hit["explain"]["contributions"].values()), abs=1e-6)


def test_an_answer_from_the_cache_explains_itself_the_same_way(asked):
    assert asked() == asked()


def test_without_explain_nothing_is_explained(asked):
    answer = asked(explain="false")
    assert answer.keys() == {"total", "items", "degraded"}
    assert all("explain" not in hit for hit in answer["items"])
