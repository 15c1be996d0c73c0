"""Messages moved into a file, and back."""

from retention import cold, runs
from retention.cold import Restored
from retention.models import Action, ColdFile, Policy, Rule, Run
from tenants.models import Tenant
from tenants.tests.plain_login import plain_login


def attempted(tenant: Tenant) -> Run:
    """A run that moves whatever is older than 30 days."""
    Policy.objects.get_or_create(tenant=tenant)
    Rule.objects.get_or_create(
        tenant=tenant, name="cold", rule_type="age", action=Action.COLD, conditions={"max_age_days": 30}
    )
    with plain_login():
        run = runs.begin(tenant, trigger=Run.Trigger.API, dry_run=False)
        runs.execute(run)
    return run


def moved(tenant: Tenant) -> ColdFile:
    """Whatever is older than 30 days, in one file."""
    run = attempted(tenant)
    assert run.status == Run.Status.COMPLETED
    return ColdFile.objects.filter(tenant=tenant).latest("created_at")


def restored(file: ColdFile) -> Restored:
    with plain_login():
        return cold.restore(file)
