"""Tokens: what language models took, by tenant, day and model, and when a tenant has had its share."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Protocol, TypeVar

from django.conf import settings
from django.db.models import F, Sum
from django.db.models.functions import Coalesce

from memories import metrics
from memories.jobs.working import NotYet
from memories.models import TokenSpend
from memories.providers.base import ProviderError
from memories.providers.language_model import Usage
from tenants.isolation import tenant_scope
from tenants.models import Tenant

A = TypeVar("A", bound="Spent")


class BudgetSpent(NotYet):
    """The tenant's tokens of the day are spent; `until` is when the next day begins."""

    def __init__(self, until: datetime) -> None:
        super().__init__(
            "The tenant's token budget of the day is spent; this waits for the next day (UTC).", until=until
        )


def budget(tenant: Tenant) -> int:
    """Tokens a day; 0: no limit."""
    own = tenant.daily_token_budget
    return int(settings.MEMORY_LLM_DAILY_TOKEN_BUDGET if own is None else own)


def refuse_overspending(tenant: Tenant, *, now: datetime) -> None:
    """Raise BudgetSpent when the tenant has used up its tokens of the day."""
    limit = budget(tenant)
    if limit and spent(tenant, now=now) >= limit:
        tomorrow = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), tzinfo=UTC)
        raise BudgetSpent(tomorrow)


def spent(tenant: Tenant, *, now: datetime) -> int:
    """Tokens of the day so far, in and out."""
    with tenant_scope(tenant):
        today = TokenSpend.objects.filter(tenant=tenant, day=now.astimezone(UTC).date())
        return int(today.aggregate(n=Coalesce(Sum(F("input_tokens") + F("output_tokens")), 0))["n"])


class Spent(Protocol):
    """What a reader answers with: `usage` is None where no model was asked."""

    @property
    def usage(self) -> Usage | None: ...


def metered(tenant: Tenant, ask: Callable[[], A], *, model: str, now: datetime) -> A:
    """What `ask` answers; its tokens are the tenant's, those of an answer that was no use too. Raises BudgetSpent."""
    refuse_overspending(tenant, now=now)
    try:
        answer = ask()
    except ProviderError as error:
        record(tenant, error.usage, model=model, now=now)
        raise
    record(tenant, answer.usage, model=model, now=now)
    return answer


def record(tenant: Tenant, usage: Usage | None, *, model: str, now: datetime) -> None:
    """Add what a call took, in a transaction of its own: it is spent, whatever becomes of the answer."""
    if usage is None:
        return
    with tenant_scope(tenant):
        day = {"tenant": tenant, "day": now.astimezone(UTC).date(), "model": model}
        TokenSpend.objects.bulk_create([TokenSpend(**day)], ignore_conflicts=True)
        TokenSpend.objects.filter(**day).update(
            calls=F("calls") + usage.calls,
            input_tokens=F("input_tokens") + usage.input_tokens,
            output_tokens=F("output_tokens") + usage.output_tokens,
            cost=F("cost") if usage.cost is None else Coalesce("cost", 0) + usage.cost,
        )
    metrics.llm_tokens.labels(model, "input").inc(usage.input_tokens)
    metrics.llm_tokens.labels(model, "output").inc(usage.output_tokens)
    metrics.llm_cost.labels(model).inc(float(usage.cost or 0))
