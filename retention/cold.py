"""Cold storage: messages leave the database for a file, and come back from it as they were.

A file is written and read back while no transaction is open. Only then are its messages deleted, in the transaction
that registers it: a file counts once a ColdFile row names it. Every attempt at a batch has a file of its own, so that
one whose lease ran out cannot write over what another has registered; what ended attempts left, the next deletes.
"""

import re
import secrets
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import F, Model, Q, TextField
from django.db.models.functions import MD5, Cast, JSONObject, Now
from psycopg.types.json import Jsonb

from memories import editing, search_cache
from memories.jobs.steps import Operation, Step
from memories.models import Conversation, EmbeddingWindow, Job, Message, MessageEmbedding
from memories.models.message import MessageQuerySet
from memories.search import postings
from retention import cold_files
from retention.cold_files import Manifest
from retention.models import ColdFile, Run
from tenants import audit
from tenants.isolation import tenant_scope
from tenants.models import EndUser, Tenant

ATTEMPT = re.compile(rf"/(\d{{12}})-[0-9a-f]{{8}}{re.escape(cold_files.SUFFIX)}$")
CHUNK = 100  # messages that are in memory at once
RECORDS = """
SELECT jsonb_build_object(
    'message', to_jsonb(message),
    'conversation', to_jsonb(conversation),
    'end_users', (
        SELECT coalesce(jsonb_agg(to_jsonb(person) ORDER BY person.id), '[]') FROM tenants_enduser AS person
        WHERE person.id IN (message.end_user_id, conversation.end_user_id)),
    'embeddings', (
        SELECT coalesce(jsonb_agg(to_jsonb(state) - 'id' ORDER BY model), '[]')
        FROM memories_messageembedding AS state WHERE message_id = message.id),
    'windows', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('model', model, 'position', position,
            'vector', translate(encode(substring(vector_send(vector::vector) FROM 5), 'base64'), E'\n', ''),
            'tokens', translate(encode(tokens, 'base64'), E'\n', ''))
            ORDER BY model, position), '[]')
        FROM memories_embeddingwindow WHERE message_id = message.id)
)::text
FROM memories_message AS message JOIN memories_conversation AS conversation ON conversation.id = conversation_id
WHERE message.id = ANY(%s) ORDER BY message.created_at, message.id
"""
INSERT = """
INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, %s)
ON CONFLICT DO NOTHING RETURNING id::text
"""

log = structlog.get_logger(__name__)


class ChangedMeanwhile(Exception):
    """Not all that was written is still as it was; `messages` are the ids of what is there, but changed or held."""

    def __init__(self, written: "Written", messages: frozenset[UUID]) -> None:
        super().__init__(f"{len(messages)} messages changed while they were being written to cold storage.")
        self.written, self.messages = written, messages


@dataclass(frozen=True)
class Written:
    """A file that has been written and read back; `digests` tell, by id, which state of each message stands in it."""

    run: Run
    batch: int
    path: str
    manifest: Manifest
    digests: Mapping[UUID, str]


@dataclass(frozen=True)
class Restored:
    """Counts of messages; `skipped` are those whose id, or `external_id`, is in use again."""

    messages: int = 0
    skipped: int = 0


def stored_columns(model: type[Model]) -> list[str]:
    """Those that a row consists of, in the database's names: not what PostgreSQL computes or counts up by itself."""
    fields = model._meta.concrete_fields
    return [str(one.column) for one in fields if not one.generated and one.get_internal_type() != "BigAutoField"]


DIGEST = MD5(Cast(JSONObject(**{name: F(name) for name in stored_columns(Message)}), TextField()))


# --- Out of the database ----------------------------------------------------------------------------------------------


def write(run: Run, messages: MessageQuerySet, *, batch: int) -> Written | None:
    """Write `messages` to a file for this batch of `run`, batches being numbered upwards; None if there are none.

    To be called outside of any transaction. Raises CorruptColdFile if what is read back is not what was written.
    """
    path = f"{_folder(run)}/{batch:012d}-{secrets.token_hex(4)}{cold_files.SUFFIX}"
    with tenant_scope(run.tenant):
        # Before the texts: of two readings the older one counts, so that a change between them is seen as one.
        digests = dict(messages.order_by("created_at", "pk").values_list("pk", DIGEST))
        if ColdFile.objects.filter(path__startswith=f"{_folder(run)}/{batch:012d}").exists():
            return None  # another process has moved the batch
    manifest = cold_files.save(path, _lines(run.tenant, list(digests)), tenant=run.tenant.slug, run=str(run.pk))
    if manifest is None:
        _tidy(run, batch=batch)
        return None
    return Written(run, batch, path, manifest, digests)


def folder_of(tenant: Tenant) -> str:
    return f"{tenant.slug}-{tenant.pk}"


def _folder(run: Run) -> str:
    return f"{folder_of(run.tenant)}/{run.pk}"


def _lines(tenant: Tenant, ids: list[UUID]) -> Iterator[str]:
    for start in range(0, len(ids), CHUNK):
        with tenant_scope(tenant), connection.cursor() as cursor:
            cursor.execute(RECORDS, [ids[start : start + CHUNK]])
            texts = [line for (line,) in cursor.fetchall()]
        yield from texts


def release(written: Written, messages: MessageQuerySet) -> int:
    """Delete what was written, as far as it is among `messages`, and register the file; return how many.

    To be called in the scope of the tenant. Raises ChangedMeanwhile, and the transaction must end with that, unless all
    of it is there unchanged: a file holds exactly what was deleted for it.
    """
    unchanged = messages.alias(digest=DIGEST).filter(digest__in=written.digests.values())
    done = editing.delete(unchanged)
    if done < len(written.digests):
        there = Message.objects.filter(pk__in=written.digests).values_list("pk", flat=True)
        raise ChangedMeanwhile(written, frozenset(there))
    manifest = written.manifest
    ColdFile.objects.create(
        tenant=written.run.tenant,
        run=written.run,
        path=written.path,
        sha256=manifest.sha256,
        bytes=manifest.bytes,
        messages=manifest.messages,
        oldest=manifest.oldest,
        newest=manifest.newest,
    )
    transaction.on_commit(lambda: _tidy(written.run, batch=written.batch), robust=True)
    return done


def discard(written: Written) -> None:
    """Delete a file that could not be released."""
    cold_files.remove(written.path)


def _tidy(run: Run, *, batch: int) -> None:
    """Delete what attempts at this batch and those before it left: files that no row names, nor will any more."""
    lying = cold_files.paths_in(_folder(run))
    with tenant_scope(run.tenant):
        named = set(ColdFile.objects.filter(run=run).values_list("path", flat=True))
    for path in lying:
        attempt = ATTEMPT.search(path)
        if attempt and int(attempt[1]) <= batch and path not in named:
            cold_files.remove(path)


def remove_abandoned(tenant: Tenant) -> None:
    """Delete files that no row names, of runs that have ended: what stands in them was never taken out of the database.

    They are asked for in this order, files, runs, rows, so that no run begins, registers a file or ends in between
    unnoticed.
    """
    lying = cold_files.paths_in(folder_of(tenant))
    with tenant_scope(tenant):
        going_on = {str(pk) for pk in Run.objects.for_tenant(tenant).running().values_list("pk", flat=True)}
        named = set(ColdFile.objects.filter(tenant=tenant).values_list("path", flat=True))
    for path in lying:
        if path not in named and path.split("/")[-2] not in going_on:
            cold_files.remove(path)


# --- Back into the database -------------------------------------------------------------------------------------------


def check(file: ColdFile) -> None:
    """Read all of a file. Raises CorruptColdFile if it is not what was written."""
    with _opened(file):
        pass


def restore(file: ColdFile) -> Restored:
    """Bring the messages of a file back as they were, with their vectors and whom and what they belong to.

    A conversation or end user that is gone comes back too; where another has its `external_id` by now, messages join
    that one. A file is restored once: again, nothing happens. The file stays where it is.

    What moved the messages may well move them again at the next run, archived or live as they came back: pin them or
    change the rule first. Raises CorruptColdFile before anything is changed.
    """
    with _opened(file) as packed, tenant_scope(file.tenant):
        if not ColdFile.objects.filter(pk=file.pk, restored_at=None).update(restored_at=Now()):
            return Restored()
        done = total = 0
        records = cold_files.records(packed)
        while chunk := list(islice(records, CHUNK)):
            done, total = done + _bring_back(file.tenant, chunk), total + len(chunk)
        search_cache.forget_results(file.tenant_id)
        audit.record("cold.restored", file, tenant=file.tenant, messages=done, skipped=total - done)
        file.refresh_from_db(fields=["restored_at"])
    return Restored(done, total - done)


def _opened(file: ColdFile) -> AbstractContextManager[IO[bytes]]:
    return cold_files.opened(file.path, tenant=file.tenant.slug, run=str(file.run_id), sha256=file.sha256)


def _bring_back(tenant: Tenant, records: list[dict[str, Any]]) -> int:
    """Insert what is not there; return how many messages were not."""
    people = _standing(EndUser, tenant, {row["id"]: row for one in records for row in one["end_users"]})
    talks = {one["conversation"]["id"]: one["conversation"] for one in records}
    talks = {key: row | {"end_user_id": people.get(row["end_user_id"])} for key, row in talks.items()}
    conversations = _standing(Conversation, tenant, talks)
    fresh = _insert(Message, [_placed(one["message"], conversations, people) for one in records])
    postings.write(Message.objects.filter(pk__in=fresh).select_related("tenant"))
    back = [one for one in records if one["message"]["id"] in fresh]
    _insert(MessageEmbedding, [state for one in back for state in one["embeddings"]])
    EmbeddingWindow.objects.bulk_create(window for one in back for window in _windows(tenant, one))
    return len(back)


def _standing(model: type[Any], tenant: Tenant, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Insert rows that are gone. By their ids: the id of what stands for each now, itself or who has its name."""
    _insert(model, rows.values())
    names = [row["external_id"] for row in rows.values()]
    found = model.objects.filter(Q(pk__in=rows) | Q(external_id__in=names), tenant=tenant)
    name_of = {str(pk): name for pk, name in found.values_list("pk", "external_id")}
    who_has = {name: key for key, name in name_of.items()}
    return {key: key if key in name_of else who_has[row["external_id"]] for key, row in rows.items()}


def _placed(row: Mapping[str, Any], conversations: Mapping[str, str], people: Mapping[str, str]) -> dict[str, Any]:
    whose = {"conversation_id": conversations[row["conversation_id"]], "end_user_id": people.get(row["end_user_id"])}
    return {**row, **whose}


def _insert(model: type[Model], rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Insert rows as they were, every column; what is there already stays. Return the ids of the new ones.

    In SQL, because Django would write a new `updated_at`.
    """
    statement = INSERT.format(table=model._meta.db_table, columns=", ".join(stored_columns(model)))
    with connection.cursor() as cursor:
        cursor.execute(statement, [Jsonb(list(rows))])  # type: ignore[list-item] # psycopg's
        return {key for (key,) in cursor.fetchall()}


def _windows(tenant: Tenant, record: Mapping[str, Any]) -> Iterator[EmbeddingWindow]:
    message_id = record["message"]["id"]
    for one in record["windows"]:
        tokens = b64decode(one["tokens"]) if one["tokens"] else None
        yield EmbeddingWindow(
            tenant=tenant,
            message_id=message_id,
            model=one["model"],
            position=one["position"],
            vector=cold_files.vector(one["vector"]),
            tokens=tokens,
        )


# --- Back, as a job -------------------------------------------------------------------------------------------------


def restore_next(job: Job) -> Step | None:
    """Restore the next of the files that were asked for; one that cannot be read is counted and passed over.

    Again, a file is restored once: a worker that dies between a file and its note leaves counts behind, and no message.
    """
    place = job.position.get("next", 0)
    ids = job.asked["files"][place : place + 1]
    if not ids:
        return None
    with tenant_scope(job.tenant):
        file = ColdFile.objects.filter(tenant=job.tenant, pk=ids[0]).select_related("tenant").first()
    return Step({"next": place + 1}, done=1, counts=_restored(file) if file else {"gone": 1})


def _restored(file: ColdFile) -> dict[str, int]:
    try:
        done = restore(file)
    except cold_files.CorruptColdFile as error:
        log.error("cold_file_unreadable", file=str(file.pk), reason=str(error))  # noqa: TRY400 - the reason is all
        return {"unreadable": 1}
    return {"restored": done.messages, "skipped": done.skipped}


RESTORING = Operation(step=restore_next, measure=lambda job: len(job.asked["files"]), is_atomic=False)
