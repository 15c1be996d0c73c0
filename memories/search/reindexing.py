"""Write postings of what is stored already: after a change of a tenant's language, or where there are none yet."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from memories import search_cache
from memories.models import Posting
from memories.models.posting import EVERY_MESSAGE
from memories.search import postings
from tenants.isolation import across_tenants

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
    while done := _reindex_after(last, messages, step=step):
        last = done[-1]
        yield len(done)


@across_tenants()
def _reindex_after(last: UUID, messages: QuerySet[Any], *, step: int) -> list[UUID]:
    """Index the first `step` messages beyond the id `last`; return their ids."""
    beyond = messages.filter(pk__gt=last).order_by("pk").select_related("tenant")
    locked = list(beyond.select_for_update(of=("self",), no_key=True)[:step])
    postings.rewrite(locked)
    for tenant_id in {message.tenant_id for message in locked}:
        search_cache.forget_results(tenant_id)
    return [message.pk for message in locked]
