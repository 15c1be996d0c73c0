"""`manage.py issue_api_key`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tenants import keys
from tenants.models import ApiKey


def test_the_printed_key_is_the_tenants(tenant):
    out = StringIO()
    call_command("issue_api_key", tenant=tenant.slug, name="laptop", stdout=out)
    row = ApiKey.objects.get(digest=keys.digest(out.getvalue().strip()))
    assert (row.tenant, row.name) == (tenant, "laptop")


@pytest.mark.django_db
def test_an_unknown_tenant_is_named():
    with pytest.raises(CommandError, match='no tenant "nobody"'):
        call_command("issue_api_key", tenant="nobody")
