"""Recall: the facts that answer a question, or none.

`understand` reads the question and embeds it, outside of any transaction. `recall` then runs in the scope of the tenant
or of the end user:

1. What may answer: the user's facts that stand, of the categories and the age asked for. Nothing else ever filters.
2. Two retrievals, each over all of these: the nearest by vector (exact, in SQL), and those that cover most of the
   question's words (`relevance.Judge`, over ids and contents fetched once: it forgives misspellings and knows that
   "habite" is "lives").
3. `relevance.Judge` values what either found, and what is less than `relevance.ENOUGH` is no answer.
4. What is left is ordered by relevance, and among near-equals by confidence now and by being essential.

Why a threshold: there always is a nearest fact, and a chatbot that is handed "Has a sister who lives in Boston." for
"what is my sister's phone number?" will make something of it. A cosine alone cannot tell: with all-MiniLM-L6-v2 that
pair has 0.57 while "what's my name" and "Is named Maya Torres." have 0.30. So words are heard as well, those that a
slot answers to included (`hints`), and a fact that lacks what the question demands, or is about somebody else, counts
half.

The constants in `relevance` were set on one half of the people in the labelled set under the tests and measured on the
other, with all-MiniLM-L6-v2. The words of `lexicon` and `hints` were written by one who knew both halves, so expect
less of questions in other words. A model whose cosines of unrelated texts are far from its 0.1 wants another ENOUGH.

A general question ("what do you know about me?") has no answer of its own: it gets a profile, of each category in turn
the essential and most confident.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import FloatField, OuterRef, Subquery, TextField, Value, Window
from django.db.models.functions import Cast, RowNumber
from pgvector.django import CosineDistance

from memories import metrics, search_cache
from memories.facts.confidence import confidence_now, confidence_sql
from memories.facts.hints import Asked, read
from memories.facts.relevance import ENOUGH, Columns, Judge, Statement, score
from memories.models import Fact
from memories.models.fact import FactQuerySet, FactVector
from memories.providers.base import EmbeddingProvider, ProviderError, Vectors, model_key
from memories.vocabulary import Standing, TemporalState
from tenants.models import EndUser

log = structlog.get_logger(__name__)
CANDIDATES = 50  # of each retrieval


@dataclass(frozen=True)
class Question:
    """What to recall. `categories`: none but these. `include_historical`: what was superseded or ended, too."""

    text: str
    limit: int = 5
    categories: Collection[str] | None = None
    max_age_days: int | None = None
    include_historical: bool = False


@dataclass(frozen=True)
class Understood:
    """A question as it reads, with its vector under `model`; None if none is wanted or could be had (`degraded`)."""

    question: Question
    asked: Asked
    model: str
    vector: Vectors | None
    degraded: bool


@dataclass(frozen=True)
class Recalled:
    """A fact that answers, how well (`score`, 0 to 1), and how sure it is at the moment (`confidence`)."""

    fact: Fact
    score: float
    confidence: float


def understand(question: Question, *, provider: EmbeddingProvider) -> Understood:
    """Read and embed the question, outside of any transaction. Without the provider the answer is by words alone."""
    meant = _understood(question, provider)
    metrics.recalls.labels(metrics.truth(meant.degraded)).inc()
    return meant


def _understood(question: Question, provider: EmbeddingProvider) -> Understood:
    asked, model = read(question.text), model_key(provider)
    if asked.is_general:
        return Understood(question, asked, model, vector=None, degraded=False)
    try:
        vector = search_cache.query_embedding(provider, question.text).vector
    except ProviderError as error:
        log.warning("recall_degraded", reason=str(error))
        return Understood(question, asked, model, vector=None, degraded=True)
    return Understood(question, asked, model, vector, degraded=False)


def recall(end_user: EndUser, meant: Understood, *, now: datetime) -> list[Recalled]:
    """The facts that answer, at most `limit`, best first; in the scope of the tenant, or of the end user."""
    if meant.asked.is_general:
        return _profile(_eligible(end_user, meant.question, now=now).current(), limit=meant.question.limit, now=now)
    facts = _eligible(end_user, meant.question, now=now)
    judge = Judge(meant.asked)
    by_words = judge.most_covering(_columns(facts), limit=CANDIDATES)
    found = _with_similarity(facts, meant).filter(pk__in={*by_words, *_nearest(facts, meant)})
    answers = [answer for fact in found if (answer := _judged(judge, fact, now=now))]
    return sorted(answers, key=lambda answer: _order(answer, asked=meant.asked, now=now))[: meant.question.limit]


def _eligible(end_user: EndUser, question: Question, *, now: datetime) -> FactQuerySet:
    facts = Fact.objects.about(end_user)
    facts = facts.told().exclude(standing=Standing.NOT_ACCEPTED) if question.include_historical else facts.current()
    if question.categories is not None:
        facts = facts.filter(category__in=question.categories)
    if question.max_age_days is not None:
        facts = facts.filter(last_refreshed_at__gte=now - timedelta(days=question.max_age_days))
    return facts


def _columns(facts: FactQuerySet) -> Columns:
    one_row = facts.aggregate(
        ids=ArrayAgg(Cast("pk", TextField())), slots=ArrayAgg("slot"), contents=ArrayAgg("content")
    )
    return Columns(**{name: values or [] for name, values in one_row.items()})


def _nearest(facts: FactQuerySet, meant: Understood) -> Iterable[UUID]:
    """The ids of the facts nearest in meaning, exactly."""
    if meant.vector is None:
        return []
    vectors = FactVector.objects.filter(fact__in=facts, model=meant.model)
    nearest = vectors.order_by(CosineDistance("vector", meant.vector), "fact")
    return nearest.values_list("fact", flat=True)[:CANDIDATES]


def _with_similarity(facts: FactQuerySet, meant: Understood) -> FactQuerySet:
    """Facts with `similarity`, the cosine with the question; None without a vector."""
    if meant.vector is None:
        return facts.annotate(similarity=Value(None, output_field=FloatField()))
    vectors = FactVector.objects.filter(fact=OuterRef("pk"), model=meant.model)
    similarity = vectors.values(similarity=1.0 - CosineDistance("vector", meant.vector))
    return facts.annotate(similarity=Subquery(similarity, output_field=FloatField()))


def _judged(judge: Judge, fact: Fact, *, now: datetime) -> Recalled | None:
    similarity = fact.similarity  # type: ignore[attr-defined] # annotated by _with_similarity
    relevance = judge.relevance(Statement(fact.content, fact.slot, similarity, is_past=_is_past(fact, now=now)))
    return _recalled(fact, relevance, now=now) if relevance >= ENOUGH else None


def _recalled(fact: Fact, relevance: float, *, now: datetime) -> Recalled:
    confidence = confidence_now(fact.confidence, fact.last_refreshed_at, now=now)
    return Recalled(fact, score(relevance, confidence=confidence, is_essential=fact.is_essential), confidence)


def _order(answer: Recalled, *, asked: Asked, now: datetime) -> tuple[bool, float, UUID]:
    """What no longer holds comes after what does, unless the question is about the past."""
    return not asked.is_past and _is_history(answer.fact, now=now), -answer.score, answer.fact.pk


def _is_history(fact: Fact, *, now: datetime) -> bool:
    return fact.standing != Standing.HOLDS or (fact.valid_until is not None and fact.valid_until <= now)


def _is_past(fact: Fact, *, now: datetime) -> bool:
    return fact.temporal_state == TemporalState.PAST or _is_history(fact, now=now)


def _profile(facts: FactQuerySet, *, limit: int, now: datetime) -> list[Recalled]:
    """Each category's best, then each one's second, and so on."""
    best_first = ("-is_essential", "-confidence_now", "-last_refreshed_at", "pk")
    place = Window(RowNumber(), partition_by="category", order_by=best_first)
    placed = facts.annotate(confidence_now=confidence_sql(now=now)).annotate(place=place)
    chosen = list(placed.order_by("place", *best_first).values_list("pk", flat=True)[:limit])
    found = facts.in_bulk(chosen)
    return [_recalled(found[pk], 1.0, now=now) for pk in chosen]
