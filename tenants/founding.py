"""Tenants come into being: by a command, or by the first write that names them."""

from django.db import transaction

from tenants import audit
from tenants.models import Tenant


@transaction.atomic
def found(tenant: Tenant) -> None:
    """Store a new tenant. Raises ValidationError for a slug that cannot be, or that another tenant has."""
    tenant.full_clean()
    tenant.save()
    audit.record("tenant.created", tenant, tenant=tenant)


def found_or_known(slug: str) -> Tenant:
    """The tenant of this slug, which is a sane one; made if there is none, by one of all that ask at once."""
    return Tenant.objects.filter(slug=slug).first() or _made(slug)


@transaction.atomic
def _made(slug: str) -> Tenant:
    tenant, is_new = Tenant.objects.get_or_create(slug=slug)
    if is_new:
        audit.record("tenant.created", tenant, tenant=tenant)
    return tenant
