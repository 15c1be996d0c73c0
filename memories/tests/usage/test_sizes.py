"""How much a tenant has is what its rows come to."""

from datetime import timedelta

import pytest
from django.utils import timezone

from memories.models import MessageEmbedding, TenantSize
from memories.tests.factories import ConversationFactory, FactFactory, MessageFactory
from memories.usage import sizes
from tenants.tests.factories import EndUserFactory, TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def size(tenant, now=NOW):
    with plain_login():
        sizes.measure(now=now)
    return TenantSize.objects.get(tenant=tenant)


def test_a_size_is_what_the_rows_come_to(tenant):
    user = EndUserFactory.create(tenant=tenant)
    talk = ConversationFactory.create(tenant=tenant)
    first = MessageFactory.create(conversation=talk, content="größe")
    MessageFactory.create(conversation=talk, content="1234", archived_at=NOW)
    FactFactory.create(end_user=user)
    FactFactory.create(end_user=user, standing="superseded")
    MessageEmbedding.objects.create(tenant=tenant, message=first, model="a", status="completed")
    MessageEmbedding.objects.create(tenant=tenant, message=first, model="b", status="failed")
    MessageFactory.create()
    found = size(tenant)
    assert (found.messages, found.archived, found.conversations, found.end_users, found.facts) == (2, 1, 1, 1, 1)
    assert (found.bytes, found.embedded, found.measured_at) == (7 + 4, {"a": 1}, NOW)


def test_a_size_follows_what_is_deleted(tenant):
    message = MessageFactory.create(conversation__tenant=tenant)
    assert size(tenant).messages == 1
    message.delete()
    later = size(tenant, NOW + timedelta(hours=1))
    assert (later.messages, later.bytes, later.measured_at) == (0, 0, NOW + timedelta(hours=1))


def test_a_tenant_with_nothing_has_a_size_too(tenant):
    assert (size(tenant).messages, size(TenantFactory.create()).bytes) == (0, 0)
