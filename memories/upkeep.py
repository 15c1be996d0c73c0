"""What is stored, kept up to date by long operations: scores that have drifted, vectors that are to be made anew."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from memories import embedding
from memories.embedding_models import serving
from memories.importance import Formula, importance_sql
from memories.jobs.steps import Operation, Step
from memories.jobs.working import NotYet
from memories.models import EmbeddingStatus, Job, JobKind, Message, MessageEmbedding
from memories.models.embedding import MessageEmbeddingQuerySet
from memories.models.job import OPEN
from tenants.isolation import across_tenants
from tenants.models import Tenant

DRIFT = 0.01
RESCORED_AT_ONCE = 5_000
EMBEDDED_AT_ONCE = 500
LOOK_AGAIN = timedelta(seconds=2)
NOWHERE = str(UUID(int=0))


# --- Scores ---------------------------------------------------------------------------------------------------------


@across_tenants()
def queue_rescoring(*, now: datetime) -> int:
    """Queue a job for each tenant with a score that has drifted, unless one is open; return how many."""
    theirs = _drifted(now).filter(tenant=OuterRef("pk"))
    waiting = Job.objects.filter(tenant=OuterRef("pk"), kind=JobKind.RESCORE, status__in=OPEN)
    tenants = Tenant.objects.filter(~Exists(waiting), Exists(theirs))
    return len(Job.objects.bulk_create(Job(tenant=one, kind=JobKind.RESCORE) for one in tenants))


def _drifted(now: datetime) -> QuerySet[Message]:
    """Messages whose stored score is off by more than DRIFT, or missing."""
    current = importance_sql(now=now, formula=Formula.from_settings())
    return Message.objects.alias(now_is=current).exclude(
        stored_importance__range=(F("now_is") - DRIFT, F("now_is") + DRIFT)
    )


def drifted(tenant: Tenant, *, now: datetime) -> QuerySet[Message]:
    return _drifted(now).filter(tenant=tenant)


def rescore(job: Job, *, now: datetime) -> Step | None:
    """Refresh the tenant's next drifted scores; what others are just writing is left to the next job."""
    beyond = drifted(job.tenant, now=now).filter(pk__gt=job.position.get("after", NOWHERE)).order_by("pk")
    unheld = beyond.select_for_update(skip_locked=True, no_key=True)
    keys = list(unheld.values_list("pk", flat=True)[:RESCORED_AT_ONCE])
    if not keys:
        return None
    embedding.score(Message.objects.filter(tenant=job.tenant, pk__in=keys), now=now)
    return Step({"after": str(keys[-1])}, done=len(keys), counts={"refreshed": len(keys)})


RESCORING = Operation(
    step=lambda job: rescore(job, now=timezone.now()),
    measure=lambda job: drifted(job.tenant, now=timezone.now()).count(),
)


# --- Vectors --------------------------------------------------------------------------------------------------------


def queue_embedding(tenant: Tenant, *, only_failed: bool) -> Job:
    """Have all messages of the tenant embedded again, or those that failed; in its scope."""
    return Job.objects.create(tenant=tenant, kind=JobKind.EMBED, asked={"only_failed": only_failed})


def embed_again(job: Job, *, now: datetime) -> Step | None:
    """Give the next messages to the embedding workers, when they are done with those before.

    A few at a time, so that what is stored meanwhile need not wait behind a million. Raises NotYet.
    """
    beyond = _chosen(job).filter(pk__gt=job.position.get("after", 0)).order_by("pk")
    keys = list(beyond.values_list("pk", flat=True)[:EMBEDDED_AT_ONCE])
    if not keys:
        return None
    waiting = MessageEmbedding.objects.filter(tenant=job.tenant, model=serving(job.tenant)).unfinished()
    if waiting[: EMBEDDED_AT_ONCE - 1].count() == EMBEDDED_AT_ONCE - 1:
        raise NotYet("The embedding workers are at the messages before.", until=now + LOOK_AGAIN)
    queued = MessageEmbedding.objects.filter(pk__in=keys).retry()
    return Step({"after": keys[-1]}, done=queued, counts={"queued": queued})


def _chosen(job: Job) -> MessageEmbeddingQuerySet:
    wanted: dict[str, Any] = {"status": EmbeddingStatus.FAILED} if job.asked.get("only_failed") else {}
    return MessageEmbedding.objects.filter(tenant=job.tenant, model=serving(job.tenant), **wanted)


EMBEDDING_AGAIN = Operation(
    step=lambda job: embed_again(job, now=timezone.now()), measure=lambda job: _chosen(job).count()
)
