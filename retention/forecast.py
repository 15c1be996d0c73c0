"""What retention is going to do: the plan of a later moment, counted once a day so that no page has to."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, QuerySet

from retention import plan
from retention.models import Action, Forecast, Mode, Rule, Run
from retention.policies import policy_of
from tenants.isolation import tenant_scope
from tenants.models import Tenant

HORIZONS = (7, 30)  # days
EVERY = timedelta(days=1)


def forecast(tenant: Tenant, *, now: datetime) -> None:
    """Write down what the policy and rules in force will do; a policy that is tried out will do nothing."""
    with tenant_scope(tenant):
        enforced = policy_of(tenant).mode == Mode.ENFORCE
        counted = {days: _chosen(tenant, at=now + timedelta(days=days)) if enforced else {} for days in HORIZONS}
        rows = [
            Forecast(tenant=tenant, days=days, action=action, count=counts.get(action, 0), made_at=now)
            for days, counts in counted.items()
            for action in Action.values
        ]
        Forecast.objects.filter(tenant=tenant).delete()
        Forecast.objects.bulk_create(rows)


def is_due(tenants: QuerySet[Tenant], *, now: datetime) -> QuerySet[Tenant]:
    """Those whose forecast is older than a day, or who have none; across tenants."""
    fresh = Forecast.objects.filter(made_at__gt=now - EVERY)
    return tenants.exclude(pk__in=fresh.values("tenant"))


def _chosen(tenant: Tenant, *, at: datetime) -> dict[str, int]:
    """How many messages of those there are now the plan of that moment takes, by action: it is made, and taken back."""
    with transaction.atomic():
        run = Run.objects.create(tenant=tenant, dry_run=True, trigger=Run.Trigger.SCHEDULE, planned_for=at)
        rules = list(Rule.objects.for_tenant(tenant).in_force())
        plan.choose(run, plan.criteria(policy_of(tenant), rules))
        chosen = dict(run.items.values_list("action").order_by().annotate(n=Count("pk")))
        transaction.set_rollback(True)
    return chosen
