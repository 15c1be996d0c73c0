"""Backfill: stored messages that nobody has read for facts, such as imported history, are given to jobs.

Messages without an end user are about nobody; they are context at most.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, Sum
from django.db.models.functions import Length, Now

from memories.facts.jobs import TURNS_MAX
from memories.models import Job, JobKind, Message, Reading
from memories.models.message import MessageQuerySet
from tenants.isolation import tenant_scope
from tenants.models import EndUser, Tenant

LEFT_TO_WORKERS_AFTER = timedelta(minutes=10)  # whoever queues works off; workers take over what was abandoned


@dataclass(frozen=True)
class Unread:
    """How much there is to read: messages, of so many sessions and end users, with so many characters."""

    messages: int
    sessions: int
    end_users: int
    characters: int


def unread(tenant: Tenant, *, end_user: EndUser | None = None) -> MessageQuerySet:
    """Messages of end users, or of one, that no job was given."""
    theirs = Message.objects.for_tenant(tenant).filter(reading=None).exclude(end_user=None)
    return theirs if end_user is None else theirs.filter(end_user=end_user)


def measure(tenant: Tenant, *, end_user: EndUser | None = None) -> Unread:
    """What a backfill would read; nothing is queued."""
    with tenant_scope(tenant):
        found = unread(tenant, end_user=end_user).aggregate(
            messages=Count("pk"),
            sessions=Count("conversation", distinct=True),
            end_users=Count("end_user", distinct=True),
            characters=Sum(Length("content"), default=0),
        )
    return Unread(**found)


def queue_unread(tenant: Tenant, *, end_user: EndUser | None = None) -> Iterator[list[UUID]]:
    """Queue jobs over all that is unread, session by session, each in a transaction; yield the ids of its jobs."""
    with tenant_scope(tenant):
        sessions = unread(tenant, end_user=end_user).order_by("conversation", "end_user")
        pairs = list(sessions.values_list("conversation", "end_user").distinct())
    for conversation_id, end_user_id in pairs:
        yield _queue_session(tenant, conversation_id, end_user_id)


def _queue_session(tenant: Tenant, conversation_id: UUID, end_user_id: UUID) -> list[UUID]:
    with tenant_scope(tenant):
        turns = unread(tenant).filter(conversation=conversation_id, end_user=end_user_id).order_by("created_at", "pk")
        ids = list(turns.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))
        parts = [ids[start : start + TURNS_MAX] for start in range(0, len(ids), TURNS_MAX)]
        return [_queue(tenant, conversation_id, end_user_id, part) for part in parts]


def _queue(tenant: Tenant, conversation_id: UUID, end_user_id: UUID, message_ids: list[UUID]) -> UUID:
    job = Job.objects.create(
        tenant=tenant,
        end_user_id=end_user_id,
        conversation_id=conversation_id,
        kind=JobKind.EXTRACT,
        due_at=Now() + LEFT_TO_WORKERS_AFTER,
    )
    Reading.objects.bulk_create(
        [Reading(tenant=tenant, message_id=one, job=job) for one in message_ids], ignore_conflicts=True
    )
    return job.pk
