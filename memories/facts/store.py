"""Statements become rows: read what is known of a person, let `supersession.decide` say what changes, write that."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from pgvector.django import CosineDistance

from memories import metrics
from memories.facts import essentials
from memories.facts.decisions import Close, Decision, Insert, Reason, Refresh, Reject, Supersede, outcome
from memories.facts.statements import SAME_COSINE, Candidate, FactRef, Known, New, Similarity, cosine
from memories.facts.supersession import decide
from memories.models import Fact, FactSource, FactVector
from memories.models.fact import FactQuerySet
from memories.providers.base import EmbeddingProvider, ProviderError, model_key
from memories.vocabulary import Category, Slot, Standing, TemporalState
from tenants.ids import new_id
from tenants.isolation import across_tenants
from tenants.models import EndUser

CHANGING = ("confidence", "last_refreshed_at", "standing", "valid_until", "replaced_by_id")


@dataclass(frozen=True)
class Ledger:
    """What is known of a person where it matters to some candidates, and what becomes of them."""

    known: Mapping[FactRef, Known]
    decisions: Sequence[Decision]

    def afterwards(self) -> dict[FactRef, Known]:
        facts = dict(self.known)
        for decision in self.decisions:
            facts.update({fact.id: fact for fact in outcome(decision, facts)})
        return facts


def lock(end_user: EndUser) -> None:
    """Wait for others who change this person's facts, and have them wait until the transaction ends."""
    list(EndUser.objects.filter(pk=end_user.pk).select_for_update(no_key=True).values_list("pk"))


def with_vectors(candidates: Sequence[Candidate], *, provider: EmbeddingProvider) -> list[Candidate]:
    """The candidates with their vectors, outside of any transaction; without, while the provider does not answer.

    They are compared by words then, and get their vectors later (`embed_missing`).
    """
    try:
        with metrics.timed(metrics.embedding_seconds, kind="document"):
            vectors = provider.embed_documents([candidate.content for candidate in candidates])
    except ProviderError:
        return list(candidates)
    return [replace(one, vector=tuple(map(float, row))) for one, row in zip(candidates, vectors, strict=True)]


def consider(candidates: Sequence[Candidate], end_user: EndUser, *, model: str, now: datetime) -> Ledger:
    """What storing the candidates would change; nothing is. In the tenant's scope."""
    slots = {candidate.slot for candidate in candidates}
    known = _known(end_user, slots)
    similarity = _similarity(candidates, end_user, model=model)
    return Ledger({fact.id: fact for fact in known}, decide(candidates, known, now=now, similarity=similarity))


def store(
    candidates: Sequence[Candidate], end_user: EndUser, *, provider: EmbeddingProvider, read_by: str, now: datetime
) -> dict[str, int]:
    """Store what the candidates change about `end_user`; return how many facts became what. In the tenant's scope."""
    lock(end_user)
    model = model_key(provider)
    ledger = consider(candidates, end_user, model=model, now=now)
    _write(ledger, end_user, model=model, read_by=read_by)
    essentials.choose([end_user.pk], now=now)
    changes = Counter(_outcome_name(decision) for decision in ledger.decisions)
    transaction.on_commit(lambda: _count(changes))
    return dict(changes)


def _count(changes: Mapping[str, int]) -> None:
    for outcome_name, count in changes.items():
        metrics.facts_extracted.labels(outcome_name).inc(count)


def _outcome_name(decision: Decision) -> str:
    match decision:
        case Supersede():
            return "superseding"
        case Insert():
            return "inserted"
        case Refresh():
            return "refreshed"
        case Close():
            return "ended"
        case Reject(reason=Reason.LESS_CERTAIN):
            return "not_accepted"
    return "ignored"


def _known(end_user: EndUser, slots: Collection[Slot | None]) -> list[Known]:
    """All facts of `end_user` in these slots, of whatever standing, None being the facts without one."""
    about = Fact.objects.about(end_user)
    mine = about.filter(slot__in=[slot for slot in slots if slot])
    if None in slots:
        mine |= about.filter(slot=None)
    rows = list(mine)
    sources = defaultdict(set)
    cited = FactSource.objects.filter(tenant=end_user.tenant_id, fact__in=mine)
    for fact_id, message_id in cited.values_list("fact", "message_id"):
        sources[fact_id].add(message_id)
    return [known(row, sources[row.pk]) for row in rows]


def known(row: Fact, sources: Iterable[uuid.UUID]) -> Known:
    """A row as supersession sees it."""
    return Known(
        id=row.pk,
        category=Category(row.category),
        content=row.content,
        confidence=row.confidence,
        temporal_state=TemporalState(row.temporal_state),
        said_at=row.said_at,
        last_refreshed_at=row.last_refreshed_at,
        valid_from=row.valid_from,
        sources=frozenset(sources),
        slot=Slot(row.slot) if row.slot else None,
        valid_until=row.valid_until,
        standing=Standing(row.standing),
        replaced_by=row.replaced_by_id,
    )


def _similarity(candidates: Sequence[Candidate], end_user: EndUser, *, model: str) -> Similarity:
    """Cosine similarity, of stored facts by the database: those that are near enough to matter, 0 for all others."""
    near = {
        (candidate.slot, candidate.content, fact_id): 1.0 - distance
        for candidate in candidates
        if candidate.vector is not None
        for fact_id, distance in _nearest(candidate, end_user, model=model)
    }

    def similarity(candidate: Candidate, fact: Known) -> float:
        if isinstance(fact.id, New):
            return cosine(candidate, fact)
        return near.get((candidate.slot, candidate.content, fact.id), 0.0)

    return similarity


def _nearest(candidate: Candidate, end_user: EndUser, *, model: str) -> Iterable[tuple[uuid.UUID, float]]:
    vectors = FactVector.objects.filter(
        tenant=end_user.tenant_id, model=model, fact__end_user=end_user, fact__slot=candidate.slot
    )
    measured = vectors.annotate(distance=CosineDistance("vector", list(candidate.vector or ())))
    return measured.filter(distance__lte=1.0 - SAME_COSINE + 1e-6).values_list("fact", "distance")


def _write(ledger: Ledger, end_user: EndUser, *, model: str, read_by: str) -> None:
    """Rows that change first: the slot that one leaves is free for the next."""
    changed = [fact for ref, fact in ledger.afterwards().items() if fact is not ledger.known.get(ref)]
    ids: dict[New, uuid.UUID] = defaultdict(new_id)
    row_id: Callable[[FactRef], uuid.UUID] = lambda ref: ids[ref] if isinstance(ref, New) else ref  # noqa: E731
    rows = [_row(fact, row_id, end_user, read_by=read_by) for fact in changed]
    standing = [row for row, fact in zip(rows, changed, strict=True) if not isinstance(fact.id, New)]
    made = [(row, fact) for row, fact in zip(rows, changed, strict=True) if isinstance(fact.id, New)]
    Fact.objects.bulk_update(standing, CHANGING)
    Fact.objects.bulk_create([row for row, _ in made])
    tenant_id = end_user.tenant_id
    FactSource.objects.bulk_create(
        [
            FactSource(tenant_id=tenant_id, fact=row, message_id=source)
            for row, fact in zip(rows, changed, strict=True)
            for source in sorted(fact.sources)
        ],
        ignore_conflicts=True,
    )
    FactVector.objects.bulk_create(
        FactVector(tenant_id=tenant_id, fact=row, model=model, vector=list(fact.vector))
        for row, fact in made
        if fact.vector
    )


def _row(fact: Known, row_id: Callable[[FactRef], uuid.UUID], end_user: EndUser, *, read_by: str) -> Fact:
    values: dict[str, Any] = {
        name: getattr(fact, name)
        for name in (
            *("category", "slot", "content", "confidence", "temporal_state", "standing"),
            *("said_at", "last_refreshed_at", "valid_from", "valid_until"),
        )
    }
    return Fact(
        id=row_id(fact.id),
        tenant_id=end_user.tenant_id,
        end_user=end_user,
        replaced_by_id=row_id(fact.replaced_by) if fact.replaced_by else None,
        read_by=read_by,
        **values,
    )


def embed_missing(facts: FactQuerySet, *, provider: EmbeddingProvider, limit: int = 64) -> list[uuid.UUID]:
    """Embed the first of `facts` that have no vector under the provider's model; return which, in their order."""
    model = model_key(provider)
    with across_tenants():
        rows = list(facts.without_vector(model=model).order_by("pk")[:limit])
    if not rows:
        return []
    with metrics.timed(metrics.embedding_seconds, kind="document"):
        vectors = provider.embed_documents([row.content for row in rows])
    with across_tenants():
        standing = Fact.objects.filter(pk__in=[row.pk for row in rows]).select_for_update(no_key=True)
        contents = dict(standing.values_list("pk", "content"))
        FactVector.objects.bulk_create(
            (
                FactVector(tenant_id=row.tenant_id, fact=row, model=model, vector=vector)
                for row, vector in zip(rows, vectors, strict=True)
                if contents.get(row.pk) == row.content  # neither erased nor corrected meanwhile
            ),
            ignore_conflicts=True,
        )
    return [row.pk for row in rows]
