"""Where facts come from: the messages that they can be traced to."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import F, OuterRef, Subquery

from memories.models import Fact, FactSource, Message
from tenants.models import Tenant


def latest_sources(facts: Collection[Fact], *, tenant: Tenant) -> dict[UUID, UUID]:
    """By fact, the id of the newest message that said so; where all are gone, of the last one there was."""
    said = Message.objects.for_tenant(tenant).filter(pk=OuterRef("message_id")).values("created_at")
    cited = FactSource.objects.filter(tenant=tenant, fact__in=facts).annotate(said_at=Subquery(said))
    latest = cited.order_by("fact", F("said_at").desc(nulls_last=True), "-message_id").distinct("fact")
    return dict(latest.values_list("fact", "message_id"))


def source(fact: Fact, *, tenant: Tenant) -> tuple[UUID | None, Message | None]:
    """The id of the latest message that said so, None where nothing is cited, and the message if it still exists."""
    message_id = latest_sources([fact], tenant=tenant).get(fact.pk)
    if message_id is None:
        return None, None
    return message_id, Message.objects.for_tenant(tenant).select_related("conversation").filter(pk=message_id).first()
