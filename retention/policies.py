"""The policy in force: a tenant's own, or that of the settings."""

from django.conf import settings

from retention.models import Mode, Policy
from tenants.models import Tenant


def policy_of(tenant: Tenant) -> Policy:
    """In the tenant's scope. Without one of its own, the unsaved policy that the settings make; it is enforced."""
    return Policy.objects.filter(tenant=tenant).first() or Policy(
        tenant=tenant,
        mode=Mode.ENFORCE,
        max_age_days=settings.MEMORY_RETENTION_MAX_AGE_DAYS,
        importance_threshold=settings.MEMORY_RETENTION_IMPORTANCE_THRESHOLD,
        delete_after_days=settings.MEMORY_RETENTION_DELETE_AFTER_DAYS,
    )
