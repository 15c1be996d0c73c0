"""Fixtures of the API's tests."""

import pytest

from memories.models import Conversation
from memories.tests.factories import ConversationFactory
from tenants import keys
from tenants.models import Scope
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import PlainClient


def admin_client(tenant) -> PlainClient:
    client = PlainClient()
    client.credentials(HTTP_X_API_KEY=keys.issue(tenant, name="admin", scopes=list(Scope))[1])
    return client


@pytest.fixture
def admin_api(tenant) -> PlainClient:
    """A client with an admin's key of `tenant`."""
    return admin_client(tenant)


@pytest.fixture
def other_admin_api(db) -> PlainClient:
    return admin_client(TenantFactory.create())


@pytest.fixture
def conversation(tenant) -> Conversation:
    return ConversationFactory.create(tenant=tenant, external_id="talk")
