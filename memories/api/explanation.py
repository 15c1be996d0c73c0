"""How a score came about, shown so that it can be worked out again by hand (docs/search.md)."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from memories.ranking.bm25 import rarity
from memories.search import Hit, Result


class Shares(serializers.DictField):
    """Numbers by the name of a part."""

    child = serializers.FloatField()


class Explanation(serializers.Serializer[Any]):
    """Of one hit. What is counted is in the order of the response's `explain.words`."""

    semantic_rank = serializers.IntegerField(allow_null=True)
    lexical_rank = serializers.IntegerField(allow_null=True)
    similarity = serializers.FloatField(allow_null=True, help_text="Cosine; null without a vector.")
    closeness = serializers.FloatField(allow_null=True, help_text="-1 to 1, by late interaction; null without.")
    frequencies = serializers.ListField(child=serializers.IntegerField(), help_text="Of each word in the message.")
    length = serializers.IntegerField(help_text="Of the message, in terms.")
    window_frequencies = serializers.ListField(
        child=serializers.IntegerField(), help_text="Of each word in the message and the turns before and after it."
    )
    window_length = serializers.IntegerField()
    is_question = serializers.BooleanField()
    said_by_named = serializers.BooleanField(help_text="Whether a participant whom the query names said it.")
    answers = serializers.FloatField(
        help_text="How much nearer than chance the question is that it follows; 0 if none."
    )
    leaders = serializers.ListField(
        child=serializers.FloatField(), help_text="What the best turns of its sitting reach by meaning and words."
    )
    parts = Shares()
    weights = Shares(help_text="Of the parts that apply.")
    contributions = Shares(help_text="Of each part to the score: they add up to it.")


class QueryWord(serializers.Serializer[Any]):
    alternatives = serializers.ListField(child=serializers.CharField(), help_text="The terms that count as the word.")
    messages = serializers.IntegerField(help_text="How many of the messages searched hold one of them.")
    rarity = serializers.FloatField()


class NamedTime(serializers.Serializer[Any]):
    begin = serializers.DateTimeField()
    end = serializers.DateTimeField(help_text="Exclusive.")
    yearly = serializers.BooleanField(help_text="Whether it means the same days of every year.")


class QueryExplanation(serializers.Serializer[Any]):
    """How the query was read."""

    words = QueryWord(many=True)
    participants = serializers.ListField(child=serializers.CharField(), help_text="Whom it names, as terms.")
    times = NamedTime(many=True)
    total = serializers.IntegerField(help_text="How many messages passed the filters.")


def of_query(result: Result) -> dict[str, Any]:
    meant, ranking = result.meant, result.ranking
    counted = zip(meant.words, ranking.messages_with, strict=True)
    shown = {
        "words": [
            {"alternatives": sorted(terms), "messages": messages, "rarity": rarity(messages, of=ranking.total)}
            for terms, messages in counted
        ],
        "participants": meant.participants,
        "times": meant.times,
        "total": ranking.total,
    }
    return QueryExplanation(shown).data


def of_hit(hit: Hit, *, weights: Mapping[str, float]) -> dict[str, Any]:
    return Explanation(_known_of(hit, weights=weights)).data


def _known_of(hit: Hit, *, weights: Mapping[str, float]) -> dict[str, Any]:
    one, parts = hit.ranked.candidate, hit.ranked.parts
    applying = {name: weights[name] for name in parts}
    total = sum(applying.values()) or 1.0
    return {
        "semantic_rank": one.semantic_rank,
        "lexical_rank": one.lexical_rank,
        "similarity": one.similarity,
        "closeness": one.closeness,
        "frequencies": one.frequencies,
        "length": one.length,
        "window_frequencies": one.window_frequencies,
        "window_length": one.window_length,
        "is_question": one.is_question,
        "said_by_named": one.said_by_named,
        "answers": one.answers,
        "leaders": hit.ranked.leaders,
        "parts": parts,
        "weights": applying,
        "contributions": {name: weight * parts[name] / total for name, weight in applying.items()},
    }
