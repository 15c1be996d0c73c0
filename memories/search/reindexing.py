"""Write postings of what is stored already: after a change of a tenant's language, or where there are none yet."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from memories import search_cache
from memories.jobs.steps import Operation, Step
from memories.models import Job, Message, Posting
from memories.models.posting import EVERY_MESSAGE
from memories.search import postings
from tenants.isolation import across_tenants
from tenants.models import Tenant

STEP = 500  # messages a transaction


def unindexed(messages: QuerySet[Any]) -> QuerySet[Any]:
    """Those of `messages` whose words cannot be found."""
    return messages.exclude(Exists(Posting.objects.filter(message=OuterRef("pk"), term=EVERY_MESSAGE)))


def reindex(messages: QuerySet[Any], *, step: int = STEP) -> Iterator[int]:
    """Index `messages` anew, of whatever tenants; tells after each step how many it took.

    Each step is a short transaction that waits for whoever is changing one of its messages, and is waited for by the
    next: the postings are always those of the text as it stands.
    """
    last = UUID(int=0)
    while done := _in_own_transaction(messages.filter(pk__gt=last), step=step):
        last = done[-1]
        yield len(done)


@across_tenants()
def _in_own_transaction(messages: QuerySet[Any], *, step: int) -> list[UUID]:
    return _reindex_first(messages, step=step)


def _reindex_first(messages: QuerySet[Any], *, step: int) -> list[UUID]:
    """Index the first `step` of `messages`, by id; return their ids."""
    first = messages.order_by("pk").select_related("tenant")
    locked = list(first.select_for_update(of=("self",), no_key=True)[:step])
    postings.rewrite(locked)
    for tenant_id in {message.tenant_id for message in locked}:
        search_cache.forget_results(tenant_id)
    return [message.pk for message in locked]


# --- As a job -------------------------------------------------------------------------------------------------------


def chosen(tenant: Tenant, *, with_indexed: bool) -> QuerySet[Message]:
    """The tenant's messages that are not indexed, or all of them."""
    messages = Message.objects.for_tenant(tenant)
    return messages if with_indexed else unindexed(messages)


def _asked_for(job: Job) -> QuerySet[Message]:
    return chosen(job.tenant, with_indexed=job.asked.get("with_indexed", False))


def _step(job: Job) -> Step | None:
    after = job.position.get("after", str(UUID(int=0)))
    done = _reindex_first(_asked_for(job).filter(pk__gt=after), step=STEP)
    return Step({"after": str(done[-1])}, done=len(done), counts={"indexed": len(done)}) if done else None


OPERATION = Operation(step=_step, measure=lambda job: _asked_for(job).count())
