"""Rows for tests; what hangs on a parent shares the parent's tenant."""

from typing import Any

import factory
from django.utils import timezone

from memories.models import Conversation, Fact, Job, Message
from memories.search import postings
from tenants.tests.factories import EndUserFactory, TenantFactory


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

    @classmethod
    def _create(cls, *args: Any, **kwargs: Any) -> Message:
        message: Message = super()._create(*args, **kwargs)
        postings.write([message])  # found by its words, as any that was stored
        return message


class FactFactory(factory.django.DjangoModelFactory[Fact]):
    class Meta:
        model = Fact

    end_user = factory.SubFactory(EndUserFactory)
    tenant = factory.SelfAttribute("end_user.tenant")
    category = "user_preference"
    content = factory.Sequence(lambda n: f"Likes dish number {n}.")
    confidence = 0.9
    temporal_state = "current"
    said_at = factory.LazyFunction(timezone.now)
    last_refreshed_at = factory.SelfAttribute("said_at")
    valid_from = factory.SelfAttribute("said_at")


class JobFactory(factory.django.DjangoModelFactory[Job]):
    class Meta:
        model = Job

    end_user = factory.SubFactory(EndUserFactory)
    tenant = factory.SelfAttribute("end_user.tenant")
    kind = "extract"
