"""Consolidation: duplicates become one, essentials are chosen anew, and the profile is written (SPEC §6)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import numpy as np
from django.db.models import F, Max, Q
from django.db.models.functions import Greatest

from memories.facts import essentials, jobs, spend, store
from memories.facts.duplicates import duplicates
from memories.facts.reading import Reader, Summary
from memories.jobs import claims
from memories.jobs.claims import Claimed
from memories.models import Fact, FactSource, FactVector, Job, JobKind, Profile
from memories.models.job import OPEN
from memories.providers.base import EmbeddingProvider, model_key
from memories.vocabulary import Standing
from tenants.isolation import across_tenants, tenant_scope
from tenants.models import EndUser, Tenant

FACTS_OF_A_PROFILE = 40
QUEUED_AT_ONCE = 1000


def consolidate(claimed: Claimed, *, reader: Reader, provider: EmbeddingProvider, now: datetime) -> None:
    """Do the job for its end user. Raises BudgetSpent and ProviderError; what was merged by then stays merged."""
    job = claimed.job
    with tenant_scope(job.tenant):
        merged = merge_duplicates(job.person, model=model_key(provider))
        essentials.choose([job.person.pk], now=now)
        facts = _telling(job.person)
    summary = _summarised(facts, job.tenant, reader=reader, now=now)
    with tenant_scope(job.tenant):
        store.lock(job.person)
        is_outdated = _telling(job.person) != facts  # what was taken away meanwhile must not be told
        if not is_outdated and claims.is_held(claimed):
            write_profile(job.person, summary, written_by=reader.name, now=now)
            claims.finish(claimed, {"merged": merged, "facts": len(facts)})
    if is_outdated:
        claims.postpone(claimed, "The facts changed while the profile was written.")


def merge_duplicates(end_user: EndUser, *, model: str) -> int:
    """Have one fact stand for all that say the same; return how many gave way. In the tenant's scope."""
    store.lock(end_user)
    standing = Fact.objects.about(end_user).current().order_by("-is_essential", "-confidence", "said_at", "pk")
    groups: dict[object, list[Fact]] = defaultdict(list)
    for fact in standing:
        groups[fact.slot, fact.temporal_state].append(fact)
    pairs = [pair for group in groups.values() for pair in _duplicates(group, model=model)]
    for survivor, duplicate in pairs:
        _merge(survivor, duplicate)
    return len(pairs)


def _duplicates(facts: Sequence[Fact], *, model: str) -> list[tuple[Fact, Fact]]:
    found = FactVector.objects.filter(tenant=facts[0].tenant_id, fact__in=facts, model=model)
    vectors = dict(found.values_list("fact", "vector"))
    nothing = np.zeros(len(next(iter(vectors.values()), [])), dtype=np.float32)
    rows = np.stack([np.asarray(vectors.get(fact.pk, nothing)) for fact in facts])
    pairs = duplicates([fact.content for fact in facts], rows)
    return [(facts[survivor], facts[duplicate]) for survivor, duplicate in pairs]


def _merge(survivor: Fact, duplicate: Fact) -> None:
    """The survivor takes over sources, times and confidence; the duplicate stays as a wording that is known."""
    sources = FactSource.objects.filter(fact=duplicate).values_list("message_id", flat=True)
    FactSource.objects.bulk_create(
        [FactSource(tenant_id=survivor.tenant_id, fact=survivor, message_id=one) for one in sources],
        ignore_conflicts=True,
    )
    survivor.said_at = min(survivor.said_at, duplicate.said_at)
    survivor.valid_from = min(survivor.valid_from, duplicate.valid_from)
    survivor.last_refreshed_at = max(survivor.last_refreshed_at, duplicate.last_refreshed_at)
    survivor.confidence = max(survivor.confidence, duplicate.confidence)
    survivor.save(update_fields=["said_at", "valid_from", "last_refreshed_at", "confidence"])
    Fact.objects.filter(pk=duplicate.pk).update(standing=Standing.MERGED, replaced_by=survivor, is_essential=False)


def _telling(end_user: EndUser) -> list[str]:
    """What a profile is written from: the essential facts first."""
    current = Fact.objects.about(end_user).current()
    best_first = current.order_by("-is_essential", "-confidence", "-last_refreshed_at", "pk")
    return list(best_first.values_list("content", flat=True)[:FACTS_OF_A_PROFILE])


def _summarised(facts: Sequence[str], tenant: Tenant, *, reader: Reader, now: datetime) -> Summary:
    if not facts:
        return Summary(summary="", key_traits=[])
    return spend.metered(tenant, lambda: reader.summarise(facts), model=reader.name, now=now)


def write_profile(end_user: EndUser, summary: Summary, *, written_by: str, now: datetime) -> Profile:
    profile, _ = Profile.objects.update_or_create(
        end_user=end_user,
        defaults={
            "tenant_id": end_user.tenant_id,
            "summary": summary.summary,
            "key_traits": summary.key_traits,
            "written_by": written_by,
            "updated_at": now,
        },
    )
    return profile


def forget_profile(end_user: EndUser) -> None:
    """A profile may tell what a person just took away or put right: have it written anew, if there is one."""
    if Profile.objects.filter(tenant=end_user.tenant_id, end_user=end_user).delete()[0]:
        jobs.queue_consolidation(end_user)


@across_tenants()
def queue_stale() -> int:
    """Queue consolidation for end users who have facts newer than their profile; return how many."""
    changed = Greatest(Max("facts__created_at"), Max("facts__last_refreshed_at"))
    waiting = Job.objects.filter(kind=JobKind.CONSOLIDATE, status__in=OPEN)
    users = EndUser.objects.annotate(changed=changed).exclude(changed=None).exclude(jobs__in=waiting)
    stale = users.filter(Q(profile=None) | Q(profile__updated_at__lt=F("changed")))
    rows = [
        Job(tenant_id=tenant_id, end_user_id=pk, kind=JobKind.CONSOLIDATE)
        for pk, tenant_id in stale.values_list("pk", "tenant_id")[:QUEUED_AT_ONCE]
    ]
    return len(Job.objects.bulk_create(rows))


def queue_all(tenant: Tenant, *, end_user: EndUser | None = None) -> list[UUID]:
    """Queue the consolidation of every end user of the tenant who has facts, or of one; return the jobs' ids."""
    with tenant_scope(tenant):
        users = EndUser.objects.filter(tenant=tenant, facts__isnull=False).distinct().order_by("pk")
        chosen = [end_user] if end_user else list(users)
        return [jobs.queue_consolidation(one).pk for one in chosen]
