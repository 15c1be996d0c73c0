"""From one embedding model to another without a pause (docs/adr/0010).

The next model is filled beside the one that a tenant is searched by, and takes its place by one update of the tenant's
row. The old vectors stay until they are pruned; going back is the same way in the other direction.
"""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, connection
from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone

from memories import embedding_models, filling
from memories.embedding_models import serving
from memories.facts import store
from memories.jobs import claims
from memories.jobs.steps import Operation, Step
from memories.jobs.working import GivenUp, NotYet
from memories.models import EmbeddingStatus, EmbeddingWindow, Fact, FactVector, Job, JobKind, MessageEmbedding
from memories.models.embedding import MessageEmbeddingQuerySet
from memories.models.job import OPEN
from memories.search import vector_indexes
from tenants import audit
from tenants.isolation import across_tenants, tenant_scope
from tenants.models import Tenant

PORTION = 1_000
PRUNED_AT_ONCE = 5_000
LOOK_AGAIN = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
RATE_INTERVAL = timedelta(seconds=10)  # a rate is kept over so long: smaller portions would only cost more
NOWHERE = str(UUID(int=0))
# Who writes to a table holds this lock on it until the end of the transaction.
STORING = """
SELECT virtualtransaction FROM pg_locks JOIN pg_database ON pg_database.oid = database AND datname = current_database()
WHERE relation = 'memories_message'::regclass AND mode = 'RowExclusiveLock' AND granted AND pid <> pg_backend_pid()
"""

log = structlog.get_logger(__name__)


class Refused(Exception):
    """What was asked for does not fit to how the tenant stands; it says why."""


# --- From outside ---------------------------------------------------------------------------------------------------


@across_tenants()
def begin(tenant: Tenant, *, model: str, rate: int | None = None, is_forced: bool = False) -> Job:
    """Have the tenant searched by `model` once that is filled, at most `rate` messages a minute; the job that does it.

    What the tenant stores is from now on embedded by both. `is_forced`: switch although messages failed that the old
    model did not fail at. Begun again it goes on. Raises Refused.
    """
    standing = _locked(tenant)
    if model == serving(standing):
        raise Refused(f'"{tenant.slug}" is searched by {model} already.')
    if standing.next_embedding_model not in ("", model):
        raise Refused(f'"{tenant.slug}" is on its way to {standing.next_embedding_model}; --rollback gives that up.')
    Tenant.objects.filter(pk=tenant.pk).update(next_embedding_model=model)
    asked = {"model": model, "rate": rate, "is_forced": is_forced}
    opened = Job.objects.filter(tenant=tenant, kind=JobKind.REEMBED, status__in=OPEN, asked__model=model).first()
    if opened:
        Job.objects.filter(pk=opened.pk).update(asked=asked)
        return opened
    audit.record("embedding_model.begun", standing, tenant=standing, model=model)
    return Job.objects.create(tenant=standing, kind=JobKind.REEMBED, asked=asked)


@across_tenants()
def give_up(tenant: Tenant) -> str:
    """Stay with the model that serves; return the key of the one that was being filled, "" if none was."""
    standing = _locked(tenant)
    given_up = standing.next_embedding_model
    if given_up:
        Tenant.objects.filter(pk=tenant.pk).update(next_embedding_model="")
        claims.cancel(Job.objects.filter(tenant=tenant, kind=JobKind.REEMBED))
        audit.record("embedding_model.given_up", standing, tenant=standing, model=given_up)
    return given_up


@across_tenants()
def queue_backfill(tenant: Tenant) -> Job:
    """Have everything embedded that the serving model has no vector of, failed messages included."""
    asked = {"model": serving(tenant)}
    opened = Job.objects.filter(tenant=tenant, kind=JobKind.BACKFILL, status__in=OPEN, asked=asked).first()
    return opened or Job.objects.create(tenant=tenant, kind=JobKind.BACKFILL, asked=asked)


@across_tenants()
def queue_pruning(tenant: Tenant) -> Job:
    """Have the vectors deleted of all models but those that serve or are being filled: no way back from here."""
    Tenant.objects.filter(pk=tenant.pk).update(previous_embedding_model="")
    opened = Job.objects.filter(tenant=tenant, kind=JobKind.PRUNE, status__in=OPEN).first()
    return opened or Job.objects.create(tenant=tenant, kind=JobKind.PRUNE)


def _locked(tenant: Tenant) -> Tenant:
    """As it stands, and stays until the transaction ends; who stores is not kept waiting."""
    return Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)


# --- Filling --------------------------------------------------------------------------------------------------------


def left(tenant: Tenant, model: str) -> tuple[int, int]:
    """How many messages and facts have no vector of the model, in the tenant's scope."""
    messages = filling.lacking(model).filter(tenant=tenant).count()
    return messages, Fact.objects.filter(tenant=tenant).without_vector(model=model).count()


def fill(job: Job, *, now: datetime) -> Step | None:
    """Give the next messages to the embedding workers, then embed facts; None when nothing is left. Raises NotYet.

    A few messages at a time, so that what is stored meanwhile need not wait behind a million.
    """
    _wait_for_turn(job, now=now)
    if keys := _queued(job):
        pause = MINUTE * len(keys) / job.asked["rate"] if job.asked.get("rate") else timedelta()
        position = {"after": str(keys[-1]), "not_before": (now + pause).isoformat()}
        return Step(job.position | position, done=len(keys), counts={"messages": len(keys)})
    facts = Fact.objects.filter(tenant=job.tenant, pk__gt=job.position.get("after_fact", NOWHERE))
    if done := store.embed_missing(facts, provider=embedding_models.provider_of(job.asked["model"])):
        return Step(job.position | {"after_fact": str(done[-1])}, done=len(done), counts={"facts": len(done)})
    return None


def _queued(job: Job) -> list[UUID]:
    model, rate = job.asked["model"], job.asked.get("rate")
    limit = min(PORTION, max(1, int(rate * (RATE_INTERVAL / MINUTE)))) if rate else PORTION
    with tenant_scope(job.tenant):
        beyond = filling.lacking(model).filter(tenant=job.tenant, pk__gt=job.position.get("after", NOWHERE))
        return list(filling.queue(beyond.order_by("pk"), model=model, limit=limit))


def _wait_for_turn(job: Job, *, now: datetime) -> None:
    not_before = datetime.fromisoformat(job.position.get("not_before", now.isoformat()))
    if now < not_before:
        raise NotYet("The next messages are due then.", until=not_before)
    with across_tenants():  # other tenants may be on their way to the same model
        waiting = MessageEmbedding.objects.filter(model=job.asked["model"]).unfinished()[:PORTION].count()
    if waiting == PORTION:
        raise NotYet("The embedding workers are at the messages before.", until=now + LOOK_AGAIN)


def _filled(job: Job, *, now: datetime) -> Step | None:
    """A step of filling, or the note of when that was done; None when all that was queued by then has been embedded."""
    if "filled_at" not in job.position:
        return fill(job, now=now) or Step(job.position | {"filled_at": now.isoformat()}, done=0)
    with tenant_scope(job.tenant):
        queued = MessageEmbedding.objects.filter(tenant=job.tenant, model=job.asked["model"]).unfinished()
        if queued.filter(queued_at__lte=job.position["filled_at"]).exists():
            raise NotYet("The embedding workers are at the last messages.", until=now + LOOK_AGAIN)
    return None


# --- The switch -----------------------------------------------------------------------------------------------------


def reembed(job: Job, *, now: datetime) -> Step | None:
    """Fill the job's model, then have the tenant searched by it. Raises NotYet and GivenUp."""
    model, tenant = job.asked["model"], Tenant.objects.get(pk=job.tenant_id)
    if serving(tenant) == model:
        return None  # whoever switched has died before it was noted
    if tenant.next_embedding_model != model:
        raise GivenUp(f"The tenant is not to be searched by {model} any more.")
    if "storing" not in job.position:
        return Step(job.position | {"storing": _storing()}, done=0)
    return _filled(job, now=now) or _indexed(job, tenant) or _switched(job, tenant, now=now)


def _indexed(job: Job, tenant: Tenant) -> Step | None:
    """Have the vectors of a large tenant in an index of their own before they are searched; None when they are."""
    index = vector_indexes.Index(tenant, job.asked["model"])
    if "indexed" in job.position or not (tenant.has_vector_index and index.can_be):
        return None
    try:
        index.build()
    except DatabaseError as error:  # the login does not own the table: searches measure every vector
        log.warning("vector_index_not_built", tenant=tenant.slug, reason=str(error))
    return Step(job.position | {"indexed": True}, done=0)


@across_tenants()
def _switched(job: Job, tenant: Tenant, *, now: datetime) -> Step | None:
    """Switch, once nothing is found by the old model that the new one would not find; else another round, or NotYet."""
    model = job.asked["model"]
    if not set(job.position["storing"]).isdisjoint(_storing()):
        raise NotYet("A transaction from before the beginning is still open.", until=now + LOOK_AGAIN)
    if _is_incomplete(tenant, model):
        kept = {name: job.position[name] for name in ("storing", "indexed") if name in job.position}
        return Step(kept | {"not_before": (now + LOOK_AGAIN).isoformat()}, done=0)
    if _behind(tenant, model).exists():
        raise NotYet("Messages that were just stored are still to be embedded.", until=now + LOOK_AGAIN)
    failed = failures(tenant, model)
    if not job.asked.get("is_forced") and (count := failed.count()):
        raise GivenUp(f"{model} failed at {count:,} messages, first: {failed[0].error} Cure that, or use --force.")
    _switch(tenant, model)
    return None


def _switch(tenant: Tenant, model: str) -> None:
    ours = Tenant.objects.filter(pk=tenant.pk, next_embedding_model=model)
    if not ours.update(embedding_model=model, next_embedding_model="", previous_embedding_model=serving(tenant)):
        raise GivenUp(f"The tenant is not to be searched by {model} any more.")
    audit.record("embedding_model.switched", tenant, tenant=tenant, model=model, previous=serving(tenant))
    log.info("embedding_model_switched", tenant=tenant.slug, model=model)


def _is_incomplete(tenant: Tenant, model: str) -> bool:
    """Whether something was never asked for: it was held by others, or stored by who did not know of the model yet."""
    messages = filling.unasked(model).filter(tenant=tenant)
    return messages.exists() or Fact.objects.filter(tenant=tenant).without_vector(model=model).exists()


def _behind(tenant: Tenant, model: str) -> MessageEmbeddingQuerySet:
    """Messages that the serving model has embedded and this one has yet to."""
    embedded = _rows_of_same_message(tenant).filter(status=EmbeddingStatus.COMPLETED)
    return MessageEmbedding.objects.filter(Exists(embedded), tenant=tenant, model=model).unfinished()


def failures(tenant: Tenant, model: str) -> MessageEmbeddingQuerySet:
    """Messages that this model failed at and the serving one did not."""
    known = _rows_of_same_message(tenant).filter(status=EmbeddingStatus.FAILED)
    failed = MessageEmbedding.objects.filter(~Exists(known), tenant=tenant, model=model)
    return failed.filter(status=EmbeddingStatus.FAILED).order_by("pk")


def _rows_of_same_message(tenant: Tenant) -> MessageEmbeddingQuerySet:
    return MessageEmbedding.objects.filter(tenant=tenant, message=OuterRef("message"), model=serving(tenant))


def _storing() -> list[str]:
    """Names of the open transactions that have written messages: what they queue may be of before the change began."""
    with connection.cursor() as cursor:
        cursor.execute(STORING)
        return [str(name) for (name,) in cursor.fetchall()]


# --- Pruning --------------------------------------------------------------------------------------------------------


def superfluous(tenant: Tenant) -> Q:
    """Rows of the tenant and of models that neither serve it nor are being filled for it."""
    return Q(tenant=tenant) & ~Q(model__in=embedding_models.wanted(tenant))


@across_tenants()
def prune(job: Job) -> Step | None:
    """Delete the next superfluous vectors of messages, then of facts; what begins meanwhile waits for the step."""
    rest = superfluous(_locked(job.tenant))
    rows = MessageEmbedding.objects.filter(rest, pk__gt=job.position.get("after", 0)).order_by("pk")
    keys = dict(rows.select_for_update(of=("self",)).values_list("pk", "message_id")[:PRUNED_AT_ONCE])
    if keys:
        EmbeddingWindow.objects.filter(rest, message__in=set(keys.values())).delete()
        MessageEmbedding.objects.filter(pk__in=keys).delete()
        return Step({"after": max(keys)}, done=len(keys), counts={"messages": len(keys)})
    facts = list(FactVector.objects.filter(rest).values_list("pk", flat=True)[:PRUNED_AT_ONCE])
    FactVector.objects.filter(pk__in=facts).delete()
    return Step(job.position, done=len(facts), counts={"facts": len(facts)}) if facts else None


def counts_of_superfluous(tenant: Tenant) -> list[tuple[str, int]]:
    """How many messages and facts have a vector to be pruned, by model; in the tenant's scope."""
    counts: Counter[str] = Counter()
    for rows in (MessageEmbedding.objects, FactVector.objects):
        of_model = rows.filter(superfluous(tenant)).order_by().values_list("model")
        counts.update(dict(of_model.annotate(count=Count("pk"))))
    return sorted(counts.items())


def _measured(job: Job) -> int:
    return sum(left(job.tenant, job.asked["model"]))


def _of(step: Any) -> Operation:
    return Operation(step=lambda job: step(job, now=timezone.now()), measure=_measured, is_atomic=False)


REEMBEDDING = _of(reembed)
BACKFILLING = _of(_filled)
PRUNING = Operation(
    step=prune,
    measure=lambda job: sum(count for _, count in counts_of_superfluous(job.tenant)),
    is_atomic=False,
)
