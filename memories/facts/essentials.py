"""Essential ("conscious") facts: the few that an application should know of a person before anything is asked.

A fact's score is the weight of its slot, or of its category where it has none, times its confidence now; the best of
what stands are essential. All in SQL, a pure function of the rows and the time: choosing twice changes nothing.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Case, F, FloatField, QuerySet, Value, When, Window
from django.db.models.expressions import Combinable
from django.db.models.functions import RowNumber

from memories.facts.confidence import confidence_sql
from memories.models import Fact
from memories.vocabulary import Category, Slot, TemporalState
from tenants.isolation import across_tenants
from tenants.models import EndUser

ESSENTIAL_MAX = 20
SCORE_MIN = 0.45
USERS_AT_ONCE = 200
TIMELESS = (TemporalState.CURRENT, TemporalState.RECURRING)
SLOT_WEIGHTS = {
    Slot.LOCATION: 1.0,
    Slot.EMPLOYER: 1.0,
    Slot.ROLE: 1.0,
    Slot.PARTNER: 0.95,
    Slot.FAMILY: 0.9,
    Slot.FOOD: 0.85,  # allergies and diets are what an application must not forget
    Slot.LIFESTYLE: 0.85,
    Slot.AGE: 0.8,
    Slot.PROJECT: 0.8,
    Slot.GOAL: 0.8,
}
CATEGORY_WEIGHTS = {
    Category.BIOGRAPHICAL: 0.8,
    Category.WORK_CONTEXT: 0.75,
    Category.RELATIONSHIP: 0.75,
    Category.USER_PREFERENCE: 0.7,
    Category.LEARNING: 0.65,
}


def choose(end_users: Collection[UUID], *, now: datetime) -> None:
    """Mark which facts of these end users are essential, and unmark the others; in a scope that sees them."""
    theirs = Fact.objects.filter(end_user__in=end_users)
    essential = list(_best(theirs, now=now))
    theirs.filter(is_essential=True).exclude(pk__in=essential).update(is_essential=False)
    theirs.filter(is_essential=False, pk__in=essential).update(is_essential=True)


def _best(facts: QuerySet[Fact], *, now: datetime) -> "QuerySet[Fact, UUID]":
    timeless = facts.filter(pk__in=Fact.objects.current().filter(temporal_state__in=TIMELESS))
    scored = timeless.annotate(score=_weight() * confidence_sql(now=now)).filter(score__gte=SCORE_MIN)
    order = [F("score").desc(), F("last_refreshed_at").desc(), F("pk").asc()]
    ranked = scored.annotate(place=Window(RowNumber(), partition_by="end_user", order_by=order))
    return ranked.filter(place__lte=ESSENTIAL_MAX).values_list("pk", flat=True)


def _weight() -> Combinable:
    by_slot = [When(slot=slot, then=Value(weight)) for slot, weight in SLOT_WEIGHTS.items()]
    by_category = [When(category=category, then=Value(weight)) for category, weight in CATEGORY_WEIGHTS.items()]
    return Case(*by_slot, *by_category, output_field=FloatField())


@across_tenants()
def choose_after(last: UUID, *, now: datetime) -> UUID | None:
    """Choose for the first USERS_AT_ONCE end users with facts beyond the id `last`; return whose was last, or None."""
    beyond = EndUser.objects.filter(pk__gt=last, facts__isnull=False).distinct().order_by("pk")
    users = list(beyond.values_list("pk", flat=True)[:USERS_AT_ONCE])
    choose(users, now=now)
    return users[-1] if users else None


def essential(end_user: EndUser, *, limit: int, now: datetime) -> list[Fact]:
    """The essential facts of `end_user`, the weightiest first."""
    chosen = Fact.objects.about(end_user).current().filter(is_essential=True)
    scored = chosen.annotate(score=_weight() * confidence_sql(now=now))
    return list(scored.order_by("-score", "-last_refreshed_at", "pk")[:limit])
