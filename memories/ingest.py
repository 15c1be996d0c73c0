"""Store messages: committed first, embedded after; turns of a session are then read for facts, too.

One path serves a single message and a thousand, in three statements: conversations and end users are looked up (and
made) together, messages inserted together, then their words, with the rows that say they are to be embedded. A worker
is woken after the commit.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from memories import embedding, metrics, search_cache
from memories.embedding_models import all_filling, all_serving, of_settings, provider_or_absent, serving
from memories.facts import jobs
from memories.importance import Formula, importance
from memories.models import Conversation, Job, Message
from memories.search import postings
from memories.tasks import wake_embedding_worker, wake_fact_worker
from tenants import end_users, origin
from tenants.ids import as_uuid
from tenants.isolation import tenant_scope
from tenants.models import EndUser, Tenant
from tenants.statements import planned_once

KNOWN = """
SELECT 'user', id, tenant_id, NULL, external_id FROM tenants_enduser
WHERE tenant_id = %(tenant)s AND (external_id = ANY(%(users)s::text[]) OR id = ANY(%(ours)s::uuid[]))
UNION ALL
SELECT 'conversation', id, tenant_id, end_user_id, external_id FROM memories_conversation
WHERE tenant_id = %(tenant)s AND external_id = ANY(%(conversations)s::text[])
"""
USER = ("id", "tenant_id", "external_id")
CONVERSATION = ("id", "tenant_id", "end_user_id", "external_id")
INSERT = """
INSERT INTO memories_message (
    id, tenant_id, conversation_id, end_user_id, external_id, role, content,
    metadata, importance_override, stored_importance, created_at, updated_at
)
SELECT * FROM unnest(
    %s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[],
    %s::jsonb[], %s::float8[], %s::float8[], %s::timestamptz[], %s::timestamptz[]
)
ON CONFLICT DO NOTHING
"""
# By the model that the tenant is searched by, and by the one that is being filled for it. Both are read here, after
# the insert, which gave the transaction its number: a change of model waits for all that were numbered before it.
QUEUE = f"""
WITH tenant AS (
    SELECT id, coalesce(nullif(embedding_model, ''), %s) AS serving, next_embedding_model AS next, %s::jsonb AS origin
    FROM tenants_tenant WHERE id = %s
), queued AS (
    INSERT INTO memories_messageembedding (tenant_id, message_id, model, status, attempts, error, origin)
    SELECT tenant.id, message_id, model, 'pending', 0, '', origin
    FROM tenant, unnest(ARRAY[serving, next]) AS model, unnest(%s::uuid[]) AS message_id
    WHERE model <> ''
    ON CONFLICT DO NOTHING
)
{postings.INSERT}
"""  # noqa: S608 - of constants


@dataclass(frozen=True)
class NewMessage:
    """A message to store, validated; `user_id` and `conversation_id` are the client's own strings."""

    conversation_id: str
    role: str
    content: str
    metadata: dict[str, Any] = field(default_factory=dict)
    importance_override: float | None = None
    user_id: str | None = None
    created_at: datetime | None = None
    external_id: str | None = None


@dataclass(frozen=True)
class Stored:
    """`is_new` is False for a repeat: the message that has this `external_id` already."""

    message: Message
    is_new: bool


@dataclass(frozen=True)
class Ingested:
    """`job` reads the message for facts; None for a repeat whose job is long done."""

    message: Message
    job: Job | None


class Taken(Exception):
    """An id is that of a row which this caller cannot see: another end user's. `field` says which id."""

    def __init__(self, field: str, value: str) -> None:
        super().__init__(f'{field} "{value}" is taken.')
        self.field = field


def store(tenant: Tenant, new: Sequence[NewMessage]) -> list[Stored]:
    """Store messages of `tenant`, in order; a repeated `external_id` yields the stored message instead.

    Embeds after the commit: by a worker, or inline where MEMORY_ASYNC_EMBEDDINGS is off. Raises Taken.
    """
    with tenant_scope(tenant):
        return _store(tenant, new)


def ingest_turn(tenant: Tenant, turn: NewMessage) -> Ingested:
    """Store a turn of the end user `turn.user_id` and have it read for facts. Raises Taken for another's session."""
    with tenant_scope(tenant):
        stored = _store(tenant, [turn])[0]
        message, end_user = stored.message, stored.message.end_user
        if not stored.is_new or end_user is None:
            return Ingested(message, Job.objects.filter(readings__message=message).first())
        _belong(message.conversation, end_user)
        job = jobs.queue_turn(message, message.conversation, end_user)
        transaction.on_commit(lambda: wake_fact_worker(settings.MEMORY_EXTRACTION_DEBOUNCE_SECONDS))
        return Ingested(message, job)


def _belong(session: Conversation, end_user: EndUser) -> None:
    """A session is one person's; whoever names somebody else in it is about to mix up what is known of them."""
    if session.end_user_id is None:
        session.end_user = end_user
        session.save(update_fields=["end_user"])
    if session.end_user_id != end_user.pk:
        raise Taken("session_id", session.external_id)


def _store(tenant: Tenant, new: Sequence[NewMessage]) -> list[Stored]:
    users, conversations = _named(tenant, new)
    now = timezone.now()
    rows = [_row(one, tenant, conversations[one.conversation_id], users.get(one.user_id or ""), now=now) for one in new]
    in_one_order = sorted(rows, key=lambda row: row.external_id or "")  # two batches with the same ids never deadlock
    _insert(in_one_order)
    stored = _with_repeats(tenant, rows)
    _queue(tenant, [one.message for one in stored if one.is_new])
    return stored


def _row(
    one: NewMessage, tenant: Tenant, conversation: Conversation, user: EndUser | None, *, now: datetime
) -> Message:
    created_at = one.created_at or now
    return Message(
        tenant=tenant,
        conversation=conversation,
        end_user=user,
        external_id=one.external_id,
        role=one.role,
        content=one.content,
        metadata=one.metadata,
        importance_override=one.importance_override,
        stored_importance=importance(
            one.role, one.importance_override, created_at, now=now, formula=Formula.from_settings()
        ),
        created_at=created_at,
        updated_at=now,
    )


def _insert(rows: Sequence[Message]) -> None:
    """Insert `rows`, but for those whose `external_id` is taken."""
    columns = zip(*map(_values, rows), strict=True)
    if parameters := [list(column) for column in columns]:
        with planned_once() as cursor:
            cursor.execute(INSERT, parameters)
    for row in rows:
        row._state.adding = False  # noqa: SLF001 - as `bulk_create` would


def _values(row: Message) -> tuple[Any, ...]:
    """In the order of INSERT."""
    whose = (row.pk, row.tenant_id, row.conversation_id, row.end_user_id, row.external_id)
    said = (row.role, row.content, Jsonb(row.metadata), row.importance_override, row.stored_importance)
    return *whose, *said, row.created_at, row.updated_at


def _named(tenant: Tenant, new: Sequence[NewMessage]) -> tuple[Mapping[str, EndUser], Mapping[str, Conversation]]:
    """The end users and conversations that messages name, by the client's ids; those that are missing are made."""
    user_ids = {one.user_id for one in new if one.user_id}
    ours = [one for one in map(as_uuid, user_ids) if one]
    names: dict[str, Any] = {
        "conversations": list({one.conversation_id for one in new}),
        "users": list(user_ids),
        "ours": ours,
    }
    known_users, known = [], []
    with planned_once() as cursor:
        cursor.execute(KNOWN, {"tenant": tenant.pk, **names})
        for kind, pk, tenant_id, end_user_id, name in cursor.fetchall():
            if kind == "user":
                known_users.append(EndUser.from_db(None, USER, [pk, tenant_id, name]))
            else:
                known.append(Conversation.from_db(None, CONVERSATION, [pk, tenant_id, end_user_id, name]))
    users = end_users.with_missing(tenant, known_users, user_ids)
    return users, _with_missing(tenant, known, new, users)


def _with_missing(
    tenant: Tenant, known: Iterable[Conversation], new: Sequence[NewMessage], users: Mapping[str, EndUser]
) -> dict[str, Conversation]:
    """The `known` conversations by the client's ids; the others are made, each with the first end user named in it."""
    begun_with: dict[str, EndUser | None] = {}
    for one in new:
        begun_with[one.conversation_id] = begun_with.get(one.conversation_id) or users.get(one.user_id or "")
    found = {one.external_id: one for one in known}
    if missing := begun_with.keys() - found.keys():
        rows = [Conversation(tenant=tenant, external_id=one, end_user=begun_with[one]) for one in sorted(missing)]
        Conversation.objects.bulk_create(rows, ignore_conflicts=True)
        made = Conversation.objects.for_tenant(tenant).filter(external_id__in=missing)
        found |= {one.external_id: one for one in made}
    if hidden := begun_with.keys() - found.keys():
        raise Taken("conversation_id", min(hidden))
    return found


def _with_repeats(tenant: Tenant, rows: Sequence[Message]) -> list[Stored]:
    """Pair each row with the message that stands for it: itself, or the earlier one with its `external_id`."""
    external_ids = [row.external_id for row in rows if row.external_id]
    if not external_ids:
        return [Stored(row, True) for row in rows]
    standing = Message.objects.for_tenant(tenant).filter(external_id__in=external_ids)
    by_external_id = {one.external_id: one for one in standing.for_display(model=serving(tenant))}
    if hidden := set(external_ids) - by_external_id.keys():
        raise Taken("external_id", min(hidden))
    stored = [Stored(by_external_id.get(row.external_id, row), True) for row in rows]
    return [Stored(one.message, one.message.pk == row.pk) for one, row in zip(stored, rows, strict=True)]


def _queue(tenant: Tenant, messages: Sequence[Message]) -> None:
    """Write down the words of these, and that they are to be embedded; call a worker once that is committed."""
    if not messages:
        return
    request = origin.current()
    to_embed: list[Any] = [of_settings(), Jsonb(request) if request else None, tenant.pk, [one.pk for one in messages]]
    with planned_once() as cursor:
        cursor.execute(QUEUE, [*to_embed, *postings.columns(messages)])
    embed_after_commit(messages)
    search_cache.forget_results(tenant.pk)
    transaction.on_commit(lambda: _count(messages))


def _count(messages: Sequence[Message]) -> None:
    for role, count in Counter(message.role for message in messages).items():
        metrics.messages_created.labels(role).inc(count)


def embed_after_commit(messages: Sequence[Message]) -> None:
    """Call a worker for pending `messages`, or embed them right then where embeddings are not asynchronous."""
    if settings.MEMORY_ASYNC_EMBEDDINGS:
        transaction.on_commit(wake_embedding_worker)
    else:
        ids = [one.pk for one in messages]
        transaction.on_commit(lambda: _embed_inline(ids))


def _embed_inline(ids: Sequence[Any]) -> None:
    for key in [*all_serving(), *all_filling()]:
        while embedding.embed_batch(provider_or_absent(key), only=ids):
            pass
