"""Fixtures of the API's tests."""

from functools import partial

import pytest

from tenants import keys
from tenants.tests.factories import EndUserFactory, TenantFactory
from tenants.tests.plain_login import PlainClient


@pytest.fixture
def other_api(db):
    """A client with a key of some other tenant."""
    client = PlainClient()
    client.credentials(HTTP_X_API_KEY=keys.issue(TenantFactory.create(), name="other")[1])
    return client


@pytest.fixture
def maya(tenant):
    return EndUserFactory.create(tenant=tenant, external_id="maya")


@pytest.fixture
def maya_api(maya):
    """A client with Maya's own key."""
    return client_of(maya)


@pytest.fixture
def ben_api(tenant):
    """A client with the key of another end user of the tenant."""
    return client_of(EndUserFactory.create(tenant=tenant, external_id="ben"))


def client_of(end_user):
    client = PlainClient()
    client.credentials(HTTP_X_API_KEY=keys.issue(end_user.tenant, name="app", end_user=end_user)[1])
    return client


@pytest.fixture
def commit(django_capture_on_commit_callbacks):
    """`with commit():` runs, at its end, what waits for a commit that a test's transaction never sees."""
    return partial(django_capture_on_commit_callbacks, execute=True)


@pytest.fixture
def inline(settings):
    """Messages are embedded as soon as they are committed."""
    settings.MEMORY_ASYNC_EMBEDDINGS = False
