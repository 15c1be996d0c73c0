"""A tenant of which there is something everywhere, and what the database and Redis have of it."""

from dataclasses import dataclass
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from psycopg.sql import SQL, Identifier

from memories import ingest
from memories.ingest import NewMessage
from memories.models import Conversation, Hold, Message
from memories.search import Query
from memories.tests.helpers import embed_all, searched
from retention import cold
from retention.erasure.subjects import KEPT, Subject, rows_of
from retention.models import ColdFile, PlannedItem, Policy, Rule, Run
from tenants import keys
from tenants.models import EndUser, IdempotencyKey, Tenant
from tenants.tests.factories import TenantFactory

SECRET = "my grandmother keeps her diamonds in the blue teapot"


@dataclass(frozen=True)
class World:
    tenant: Tenant
    maya: EndUser
    noah: EndUser
    run: Run

    @property
    def maya_subject(self) -> Subject:
        return Subject(self.tenant, self.maya)

    @property
    def talk_subject(self) -> Subject:
        return Subject(self.tenant, Conversation.objects.get(tenant=self.tenant, external_id="talk-of-maya"))

    @property
    def tenant_subject(self) -> Subject:
        return Subject(self.tenant, self.tenant)


def world(slug: str = "acme") -> World:
    """Maya's conversation, in which Noah spoke too, and Noah's, in which Maya did; with all that comes of them."""
    tenant = TenantFactory.create(slug=slug)
    ingest.store(
        tenant,
        [
            NewMessage("talk-of-maya", "user", SECRET, user_id="maya-1234"),
            NewMessage("talk-of-maya", "user", "what a fine blue teapot that is", user_id="noah-5678"),
            NewMessage("talk-of-maya", "user", "this one lies in cold storage by now", user_id="maya-1234"),
            NewMessage("talk-of-noah", "user", "noah talks of nothing but the weather", user_id="noah-5678"),
            NewMessage("talk-of-noah", "user", "maya was here and says good bye", user_id="maya-1234"),
            NewMessage("talk-of-noah", "user", "the weather lies in cold storage too", user_id="noah-5678"),
        ],
    )
    embed_all()
    maya, noah = (EndUser.objects.get(tenant=tenant, external_id=name) for name in ("maya-1234", "noah-5678"))
    run = Run.objects.create(tenant=tenant, dry_run=True, trigger="api", status="completed")
    made = World(tenant, maya, noah, run)
    for user in (maya, noah):
        _surround(made, user)
    keys.issue(tenant, name="of the tenant")
    Policy.objects.create(tenant=tenant)
    Rule.objects.create(tenant=tenant, name="r", rule_type="age", action="archive")
    _freeze(made)
    searched(tenant, Query("teapot"))
    return made


def _surround(made: World, user: EndUser) -> None:
    message = Message.objects.filter(tenant=made.tenant, end_user=user, conversation__end_user=user).earliest("pk")
    tenant, name = made.tenant, user.external_id
    keys.issue(tenant, name=f"key of {name}", end_user=user)
    Hold.objects.create(tenant=tenant, kind=Hold.Kind.PIN, message=message)
    answers: dict[str, Any] = {
        "id": {"message": {"id": str(message.pk)}},
        "talk": {"conversation_id": message.conversation.external_id},
        "user": {"items": [{"user_id": name}]},
    }
    for key, body in answers.items():
        IdempotencyKey.objects.create(tenant=tenant, key=f"{key} of {user.pk.hex[-6:]}", status=201, body=body)
    IdempotencyKey.objects.create(tenant=tenant, end_user=user, key="own")
    PlannedItem.objects.create(
        tenant=tenant, run=made.run, message_id=message.pk, action="archive", reason="old", was_archived=False
    )
    made.run.sample.append({"message_id": str(message.pk), "action": "archive", "reason": "old"})
    made.run.save()
    operator, _ = get_user_model().objects.get_or_create(username="operator")
    LogEntry.objects.create(
        user=operator,
        content_type=ContentType.objects.get_for_model(Message),
        object_id=str(message.pk),
        object_repr=str(message),
        action_flag=2,
    )


def _freeze(made: World) -> None:
    frozen = Message.objects.filter(tenant=made.tenant, content__contains="cold storage")
    written = cold.write(made.run, frozen, batch=1)
    assert written
    cold.release(written, frozen)


def cold_file(made: World) -> ColdFile:
    return ColdFile.objects.get(tenant=made.tenant)


def ids_of(subject: Subject) -> set[str]:
    """The UUIDs of all rows of a subject, as text."""
    found = rows_of(subject).items()
    return {
        str(pk)
        for model, rows in found
        if model._meta.pk.get_internal_type() == "UUIDField"
        for (pk,) in rows.values_list("pk")
    }


def every_row(*, but: tuple[str, ...] = ()) -> set[tuple[str, str]]:
    """(table, row as text) of the whole database, what only grows left out."""
    kept = {model._meta.db_table for model in KEPT}
    found = set()
    with connection.cursor() as cursor:
        for table in set(connection.introspection.table_names(cursor)) - kept - set(but):
            cursor.execute(SQL("SELECT one::text FROM {} AS one").format(Identifier(table)))
            found |= {(table, row) for (row,) in cursor.fetchall()}
    return found
