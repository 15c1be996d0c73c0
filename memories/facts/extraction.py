"""Extraction: the turns that a job is to read become statements, and statements become facts (SPEC §6).

Reading and embedding take seconds and run outside of any transaction; storing and finishing the job are one, so that a
worker that dies leaves either both or nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from memories.facts import spend, store
from memories.facts.reading import Reader
from memories.facts.statements import Candidate, Turn
from memories.fencing import without_fenced
from memories.jobs import claims
from memories.jobs.claims import Claimed
from memories.models import Job, Message, Role
from memories.providers.base import EmbeddingProvider, model_key
from tenants.isolation import tenant_scope
from tenants.models import EndUser, Tenant

CONTEXT_TURNS = 5


def extract(claimed: Claimed, *, reader: Reader, provider: EmbeddingProvider, now: datetime) -> None:
    """Read the job's turns and store what they say. Raises BudgetSpent and ProviderError, before anything is stored."""
    job = claimed.job
    turns = turns_of(job)
    statements = store.with_vectors(read(turns, job.tenant, reader=reader, now=now), provider=provider)
    with tenant_scope(job.tenant):
        if claims.is_held(claimed):
            changes = store.store(statements, job.person, provider=provider, read_by=reader.name, now=now)
            claims.finish(claimed, {"turns": sum(not turn.is_context for turn in turns), "facts": changes})


def read(turns: Sequence[Turn], tenant: Tenant, *, reader: Reader, now: datetime) -> list[Candidate]:
    """What the turns that are not context state about the person; tokens are counted as the tenant's."""
    if not any(turn.role == Role.USER and not turn.is_context for turn in turns):
        return []  # nobody else's words are facts about the person: they wait to be somebody's context
    return spend.metered(tenant, lambda: reader.read(turns), model=reader.name, now=now).candidates


def turns_of(job: Job) -> list[Turn]:
    """The job's turns after up to CONTEXT_TURNS earlier ones of the session, oldest first."""
    with tenant_scope(job.tenant):
        new = list(Message.objects.for_tenant(job.tenant).filter(reading__job=job).order_by("created_at", "pk"))
        context = _before(new[0], job.person) if new else []
    return [*(turn(message, is_context=True) for message in context), *map(turn, new)]


def _before(message: Message, end_user: EndUser) -> list[Message]:
    """The turns of its session just before `message`, but for those of other people; oldest first."""
    session = Message.objects.filter(tenant=message.tenant_id, conversation=message.conversation_id)
    ours = session.filter(Q(end_user=end_user) | ~Q(role=Role.USER))
    same_time = Q(created_at=message.created_at, pk__lt=message.pk)
    earlier = ours.filter(Q(created_at__lt=message.created_at) | same_time)
    return list(earlier.order_by("-created_at", "-pk")[:CONTEXT_TURNS])[::-1]


def turn(message: Message, *, is_context: bool = False) -> Turn:
    """The message as an extractor reads it: what was recalled for it is not what the person said."""
    return Turn(
        id=message.pk,
        role=message.role,
        content=without_fenced(message.content),
        created_at=message.created_at,
        is_context=is_context,
    )


def preview(
    text: str, end_user: EndUser, *, reader: Reader, provider: EmbeddingProvider, now: datetime
) -> store.Ledger:
    """What a text would yield, were it said by `end_user` now, and what it would change; nothing is stored."""
    said = Turn(id=end_user.pk, role=Role.USER, content=without_fenced(text), created_at=now)
    statements = store.with_vectors(read([said], end_user.tenant, reader=reader, now=now), provider=provider)
    with tenant_scope(end_user.tenant):
        return store.consider(statements, end_user, model=model_key(provider), now=now)
