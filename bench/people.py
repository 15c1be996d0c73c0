"""Facts about end users, with vectors."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from bench.corpus import Corpus
from memories.models import Fact, FactVector
from tenants.isolation import tenant_scope
from tenants.models import Tenant

KINDS = (("food", "user_preference"), ("friend", "relationship"), ("project", "work_context"), ("topic", "learning"))


def make_facts(tenant: Tenant, people: Sequence[UUID], count: int, *, corpus: Corpus) -> None:
    """`count` facts of each of `people`, sentences of the corpus with its vectors."""
    with tenant_scope(tenant):
        for place, person in enumerate(people):
            numbers = [(place * count + n) % len(corpus.texts) for n in range(count)]
            facts = Fact.objects.bulk_create(_fact(tenant, person, corpus.texts[n], n) for n in numbers)
            FactVector.objects.bulk_create(
                FactVector(tenant=tenant, fact=fact, model=corpus.model, vector=corpus.vectors[n])
                for fact, n in zip(facts, numbers, strict=True)
            )


def _fact(tenant: Tenant, person: UUID, content: str, number: int) -> Fact:
    said = timezone.now() - timedelta(days=number % 400)
    slot, category = KINDS[number % len(KINDS)]
    return Fact(
        tenant=tenant,
        end_user_id=person,
        category=category,
        slot=slot,
        content=content,
        confidence=0.5 + number % 50 / 100,
        temporal_state="current",
        said_at=said,
        last_refreshed_at=said,
        valid_from=said,
    )
