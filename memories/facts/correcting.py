"""What people do to facts: put them right, or take them away. Neither comes back by reading the same messages again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models.functions import Greatest

from memories.facts import consolidation, essentials, store
from memories.models import Fact, FactSource, FactVector
from memories.vocabulary import HIDDEN, SINGLE_VALUED, Standing, TemporalState

CORRECTABLE = frozenset({"content", "category", "slot", "temporal_state", "valid_from", "valid_until"})


def correct(fact: Fact, changes: Mapping[str, Any], *, now: datetime) -> Fact:
    """Apply changes of CORRECTABLE fields, which a person is sure of; in the tenant's scope.

    The wording that was wrong is kept where nobody sees it, so that it is known when its messages are read again. What
    now takes a single-valued slot supersedes what held it. Raises Fact.DoesNotExist for one that is no longer there.
    """
    _lock(fact)
    if changes.get("content", fact.content) != fact.content:
        _keep_wording(fact)
        FactVector.objects.filter(fact=fact).delete()
    for name in changes.keys() & CORRECTABLE:
        setattr(fact, name, changes[name])
    fact.confidence, fact.last_refreshed_at = 1.0, max(now, fact.last_refreshed_at)
    _free_slot(fact, now=now)
    fact.save(update_fields=[*CORRECTABLE, "confidence", "last_refreshed_at"])
    _follow_up(fact, now=now)
    return fact


def remove(fact: Fact, *, now: datetime) -> None:
    """Take a fact away, and what else says the same; what is said again of it is not stored. In the tenant's scope."""
    _lock(fact)
    wordings = Fact.objects.about(fact.end_user).filter(replaced_by=fact, standing__in=HIDDEN)
    gone = Fact.objects.filter(pk__in=[fact.pk, *wordings.values_list("pk", flat=True)])
    gone.update(standing=Standing.REMOVED, replaced_by=None, is_essential=False)
    _follow_up(fact, now=now)


def _lock(fact: Fact) -> None:
    store.lock(fact.end_user)
    fact.refresh_from_db(from_queryset=Fact.objects.told())


def _keep_wording(fact: Fact) -> None:
    wording = Fact.objects.get(pk=fact.pk)
    wording.pk, wording.standing, wording.replaced_by, wording.is_essential = None, Standing.CORRECTED, fact, False
    wording.save(force_insert=True)
    sources = FactSource.objects.filter(fact=fact).values_list("message_id", flat=True)
    FactSource.objects.bulk_create(
        FactSource(tenant_id=fact.tenant_id, fact=wording, message_id=one) for one in sources
    )


def _free_slot(fact: Fact, *, now: datetime) -> None:
    current = {"slot": fact.slot, "standing": Standing.HOLDS, "temporal_state": TemporalState.CURRENT}
    if fact.slot not in SINGLE_VALUED or any(getattr(fact, name) != value for name, value in current.items()):
        return
    holder = Fact.objects.about(fact.end_user).filter(**current).exclude(pk=fact.pk)
    until = Greatest("valid_from", now)
    holder.update(standing=Standing.SUPERSEDED, valid_until=until, replaced_by=fact, is_essential=False)


def _follow_up(fact: Fact, *, now: datetime) -> None:
    essentials.choose([fact.end_user_id], now=now)
    consolidation.forget_profile(fact.end_user)
