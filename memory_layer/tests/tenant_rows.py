"""A row of every model that holds rows of tenants, for tests that walk over all of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
from django.apps import apps
from django.db import connection, models
from psycopg.sql import SQL, Identifier

from memories import ingest
from memories.models import (
    CommonTerm,
    Conversation,
    DailyUsage,
    EmbeddingWindow,
    Fact,
    FactSource,
    FactVector,
    Hold,
    Job,
    Message,
    MessageEmbedding,
    Posting,
    Profile,
    Reading,
    TenantSize,
    TokenSpend,
)
from memories.providers.base import model_key
from memories.providers.mock import MockProvider
from memories.tests.factories import ConversationFactory, FactFactory, JobFactory, MessageFactory
from memories.tests.helpers import embed_all
from memory_layer.tests.cross_tenant_cases import Ids
from retention.models import ColdFile, Forecast, PlannedItem, Policy, Receipt, Rule, Run
from tenants import audit, keys
from tenants.api.base import write_cursor
from tenants.ids import new_id
from tenants.models import ApiKey, AuditEvent, EndUser, IdempotencyKey, Scope, Tenant
from tenants.tests.factories import EndUserFactory, TenantFactory

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
APPS = ("tenants", "memories", "retention")
MODELS = [model for app in APPS for model in apps.get_app_config(app).get_models(include_auto_created=True)]


def _message(tenant: Tenant) -> Message:
    user = EndUserFactory.create(tenant=tenant)
    return MessageFactory.create(conversation__tenant=tenant, conversation__end_user=user, end_user=user)


def _posting(tenant: Tenant) -> Posting:
    """The only one of its message."""
    message = _message(tenant)
    message.postings.all().delete()
    return Posting.objects.create(tenant=tenant, message=message, term="zebra", frequency=1, length=1)


def _fact(tenant: Tenant) -> Fact:
    return FactFactory.create(end_user__tenant=tenant, standing="superseded")


def _run(tenant: Tenant) -> Run:
    return Run.objects.create(tenant=tenant, dry_run=True, trigger="api")


# Whoever adds a model adds how a row of it comes about.
MAKE: dict[type[models.Model], Callable[[Tenant], Any]] = {
    Tenant: lambda tenant: tenant,
    EndUser: lambda tenant: EndUserFactory.create(tenant=tenant),
    ApiKey: lambda tenant: keys.issue(tenant, name="k", end_user=EndUserFactory.create(tenant=tenant))[0],
    IdempotencyKey: lambda tenant: IdempotencyKey.objects.create(
        tenant=tenant, key="k", end_user=EndUserFactory.create(tenant=tenant)
    ),
    AuditEvent: lambda tenant: audit.record("tried", tenant=tenant),
    Conversation: lambda tenant: ConversationFactory.create(
        tenant=tenant, end_user=EndUserFactory.create(tenant=tenant)
    ),
    Message: _message,
    Hold: lambda tenant: Hold.objects.create(tenant=tenant),
    MessageEmbedding: lambda tenant: MessageEmbedding.objects.create(
        tenant=tenant, message=_message(tenant), model="m"
    ),
    EmbeddingWindow: lambda tenant: EmbeddingWindow.objects.create(
        tenant=tenant, message=_message(tenant), model="m", position=0, vector=np.ones(3)
    ),
    Posting: _posting,
    CommonTerm: lambda tenant: CommonTerm.objects.create(tenant=tenant, term="zebra", messages=1_000),
    Fact: _fact,
    FactSource: lambda tenant: FactSource.objects.create(tenant=tenant, fact=_fact(tenant), message_id=new_id()),
    FactVector: lambda tenant: FactVector.objects.create(
        tenant=tenant, fact=_fact(tenant), model="m", vector=np.ones(3)
    ),
    Profile: lambda tenant: Profile.objects.create(
        tenant=tenant, end_user=EndUserFactory.create(tenant=tenant), updated_at=LONG_AGO
    ),
    Job: lambda tenant: JobFactory.create(end_user__tenant=tenant),
    Reading: lambda tenant: Reading.objects.create(
        tenant=tenant, message=_message(tenant), job=JobFactory.create(end_user__tenant=tenant)
    ),
    TokenSpend: lambda tenant: TokenSpend.objects.create(tenant=tenant, day=LONG_AGO.date(), model="m"),
    DailyUsage: lambda tenant: DailyUsage.objects.create(tenant=tenant, day=LONG_AGO.date()),
    TenantSize: lambda tenant: TenantSize.objects.create(tenant=tenant, measured_at=LONG_AGO),
    Policy: lambda tenant: Policy.objects.create(tenant=tenant),
    Rule: lambda tenant: Rule.objects.create(tenant=tenant, name="r", rule_type="age", action="archive"),
    Run: _run,
    PlannedItem: lambda tenant: PlannedItem.objects.create(
        tenant=tenant, run=_run(tenant), message_id=new_id(), action="archive", reason="old", was_archived=False
    ),
    Forecast: lambda tenant: Forecast.objects.create(
        tenant=tenant, days=7, action="archive", count=1, made_at=LONG_AGO
    ),
    ColdFile: lambda tenant: ColdFile.objects.create(
        tenant=tenant, run=_run(tenant), path=str(new_id()), bytes=1, messages=1, oldest=LONG_AGO, newest=LONG_AGO
    ),
    Receipt: lambda tenant: Receipt.objects.create(tenant=tenant, subject_kind="message", counts={}, proof={}),
}


def row_of(model: type[models.Model], tenant: Tenant) -> Any:
    """A new row of `model` that belongs to `tenant`."""
    assert model in MAKE, f"Say in {__name__}.MAKE how a row of {model.__name__} is made."
    return MAKE[model](tenant)


def tenant_column(model: type[models.Model]) -> str:
    """Where a row says whose it is."""
    return "id" if model is Tenant else "tenant_id"


def key_column(model: type[models.Model]) -> str:
    """The column, or the first of those, that a row is known by."""
    return str(model._meta.pk_fields[0].column)


def key_of(row: models.Model) -> Any:
    return getattr(row, type(row)._meta.pk_fields[0].attname)


def foreign_keys(model: type[models.Model]) -> list[Any]:
    """The fields that refer to a row of a tenant."""
    return [
        field
        for field in model._meta.concrete_fields
        if field.is_relation and field.related_model in MODELS and field.related_model is not Tenant
    ]


def rows_of(tenant: Tenant) -> dict[str, Any]:
    """All that the database has of a tenant, as text."""
    found = {}
    with connection.cursor() as cursor:
        for model in MODELS:
            named = {"table": Identifier(model._meta.db_table), "column": Identifier(tenant_column(model))}
            query = SQL("SELECT one::text FROM {table} one WHERE one.{column} = %s ORDER BY 1").format(**named)
            cursor.execute(query, [tenant.pk])
            found[model.__name__] = cursor.fetchall()
    return found


def known_of(user: EndUser, word: str, text: str) -> tuple[Fact, Job]:
    """A fact about the end user that they said, a job that failed, and a profile; nothing is done in the background."""
    fact = FactFactory.create(end_user=user, content=f"Says that {text}", slot="food", is_essential=True)
    FactSource.objects.create(
        tenant=user.tenant, fact=fact, message_id=Message.objects.filter(end_user=user).latest("created_at").pk
    )
    vector = MockProvider().embed_documents([fact.content])[0]
    FactVector.objects.create(tenant=user.tenant, fact=fact, model=model_key(MockProvider()), vector=vector)
    Profile.objects.create(
        tenant=user.tenant, end_user=user, summary=f"{word} summary", key_traits=[f"{word} trait"], updated_at=LONG_AGO
    )
    error, result = f"{word} error", {word: 1}
    job = JobFactory.create(end_user=user, status="failed", error=error, result=result, finished_at=LONG_AGO)
    return fact, job


def tenant_with_rows(word: str, text: str) -> SimpleNamespace:
    """A tenant with a conversation of two turns, an end user, what is known of them, a key and more; and the ids."""
    tenant = TenantFactory.create(slug=f"{word}-tenant", name=f"{word} corporation")
    new = [
        ingest.NewMessage(
            f"{word}-talk",
            "user",
            text if n == 0 else f"Indeed {word} {text}",
            {"note": f"{word}-note"},
            user_id=f"{word}-user",
            external_id=f"{word}-external-{n}",
            created_at=LONG_AGO + timedelta(minutes=n),
        )
        for n in range(2)
    ]
    message = ingest.store(tenant, new)[0].message
    embed_all()
    Conversation.objects.filter(tenant=tenant).update(title=f"{word} title", metadata={"of": f"{word} business"})
    user = EndUser.objects.get(tenant=tenant)
    IdempotencyKey.objects.create(
        tenant=tenant, key=f"{word}-once", request_digest="0", status=202, body={"of": f"{word} answer"}
    )
    conditions = {"max_age_days": 3000}
    rule = Rule.objects.create(
        tenant=tenant, name=f"{word} rule", rule_type="age", action="archive", conditions=conditions
    )
    run = Run.objects.create(tenant=tenant, dry_run=True, trigger="api", error=f"{word} error")
    hold = Hold.objects.create(tenant=tenant, kind="pin", message=message, reason=f"{word} reason")
    fact, job = known_of(user, word, text)
    row, key = keys.issue(tenant, name=f"{word} key", scopes=Scope.values)
    ids = Ids(
        tenant_slug=tenant.slug,
        tenant=str(tenant.pk),
        conversation_name=message.conversation.external_id,
        conversation=str(message.conversation_id),
        user_name=str(user.external_id),
        user=str(user.pk),
        message=str(message.pk),
        external_id=str(message.external_id),
        cursor=write_cursor(message),
        idempotency_key=f"{word}-once",
        api_key=str(row.pk),
        rule=str(rule.pk),
        run=str(run.pk),
        hold=str(hold.pk),
        fact=str(fact.pk),
        job=str(job.pk),
        text=text,
        note=f"{word}-note",
    )
    user_key = keys.issue(tenant, name=f"{word} user's", end_user=user)[1]
    return SimpleNamespace(tenant=tenant, user=user, ids=ids, key=key, user_key=user_key, row=row, word=word)
