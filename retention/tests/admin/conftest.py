"""What the tests of retention's admin are about."""

import pytest

from memories.tests.factories import ConversationFactory


@pytest.fixture
def conversation(tenant):
    return ConversationFactory.create(tenant=tenant, external_id="talk")
