"""Rows for tests; what hangs on a parent shares the parent's tenant."""

import factory

from memories.models import Conversation, Message
from tenants.tests.factories import TenantFactory


class ConversationFactory(factory.django.DjangoModelFactory[Conversation]):
    class Meta:
        model = Conversation

    tenant = factory.SubFactory(TenantFactory)
    external_id = factory.Sequence(lambda n: f"conversation-{n}")


class MessageFactory(factory.django.DjangoModelFactory[Message]):
    class Meta:
        model = Message

    conversation = factory.SubFactory(ConversationFactory)
    tenant = factory.SelfAttribute("conversation.tenant")
    role = "user"
    content = factory.Sequence(lambda n: f"message number {n}")
