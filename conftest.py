"""Fixtures every test may use."""

import hypothesis
import pytest
from django.conf import settings
from django.core.cache import cache
from rest_framework.test import APIClient

from memory_layer import embedded

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")


def pytest_configure() -> None:
    embedded.lease(settings.MEMORY_DATA_DIR, durable=False)


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()


@pytest.fixture
def tenant(db):
    from tenants.tests.factories import TenantFactory

    return TenantFactory()


@pytest.fixture
def api(tenant):
    """A client with a key of `tenant`."""
    from tenants import keys

    client = APIClient()
    client.credentials(HTTP_X_API_KEY=keys.issue(tenant, name="test")[1])
    return client


@pytest.fixture
def operator_api(db):
    """A client with a deployment key."""
    client = APIClient()
    client.credentials(HTTP_X_API_KEY="test-deployment-key")
    return client
