"""What tests of a change of the embedding model do and look at."""

from functools import partial
from typing import Any

from django.utils import timezone

from memories import embedding, embedding_models
from memories.embedding_models import provider_for, provider_of
from memories.jobs import working
from memories.models import EmbeddingWindow, Job, Message
from memories.models.job import OPEN
from memories.reembedding import begin
from memories.search import Query, search
from memories.tests.factories import ConversationFactory, MessageFactory
from memories.tests.helpers import queue
from tenants.isolation import tenant_scope
from tenants.models import Tenant
from tenants.tests.plain_login import plain_login

OLD, NEW, THIRD = "mock:mock:64", "mock:mock:32", "mock:mock:16"


def said(tenant: Tenant, *contents: str) -> list[Message]:
    talk = ConversationFactory.create(tenant=tenant)
    messages = [MessageFactory.create(conversation=talk, content=one) for one in contents]
    queue(*messages)
    embed()
    return messages


def embed() -> None:
    """What workers do."""
    for key in [*embedding_models.all_serving(), *embedding_models.all_filling()]:
        while embedding.embed_batch(provider_of(key)):
            pass


def turn(job: Job) -> Job:
    """One turn of a worker at the job."""
    with plain_login():
        working.work_off(only=[job.pk])
    job.refresh_from_db()
    return job


def to_the_end(job: Job) -> Job:
    for _ in range(50):
        if turn(job).status not in OPEN:
            return job
        embed()
    raise AssertionError(job.error)


def changed(tenant: Tenant, model: str, **options: Any) -> Job:
    with plain_login():
        job = begin(tenant, model=model, **options)
    return to_the_end(job)


def models(tenant: Tenant) -> tuple[str, str, str]:
    tenant.refresh_from_db()
    return tenant.embedding_model, tenant.next_embedding_model, tenant.previous_embedding_model


def meant(tenant: Tenant, words: str, *, top_k: int = 5) -> list[str]:
    """What is found by meaning alone."""
    tenant.refresh_from_db()
    query, scope = Query(words, mode="semantic", top_k=top_k), partial(tenant_scope, tenant)
    found = search(tenant, query, scope=scope, provider=provider_for(tenant), now=timezone.now())
    assert not found.degraded
    return [hit.message.content for hit in found.hits]


def vectors(tenant: Tenant, model: str) -> int:
    return EmbeddingWindow.objects.filter(tenant=tenant, model=model).count()
