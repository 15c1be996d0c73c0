"""Claim, embed, save: from messages without a vector to searchable ones.

The row is the outbox: whatever is pending, or was claimed by a worker that died, is found here again. A claim lasts
LEASE; the claim's own id guards the result, so that a late worker or an edit meanwhile cannot leave a wrong vector.
"""

import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from opentelemetry import trace

from memories import metrics, search_cache
from memories.importance import Formula, importance_sql
from memories.models import EmbeddingStatus, EmbeddingWindow, Message, MessageEmbedding
from memories.models.embedding import MessageEmbeddingQuerySet
from memories.providers.base import (
    EmbeddingProvider,
    ProviderRejected,
    ProviderUnavailable,
    TokenProvider,
    UnusableAnswer,
    Vectors,
    model_key,
)
from memories.providers.resilience import CircuitOpen
from memories.ranking.late_interaction import packed
from tenants.isolation import across_tenants
from tenants.origin import tell

BATCH = 128  # the more, the less is padded: texts are embedded with others of their length
BATCH_CHARACTERS = 400_000
LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 10
SUSPECT_ATTEMPTS = 3  # what lost its worker after so many is taken up alone: a deadly text takes no others along
BACKOFF_FIRST, BACKOFF_MAX = timedelta(seconds=5), timedelta(minutes=15)

log = structlog.get_logger(__name__)
tracer = trace.get_tracer(__name__)


@dataclass(frozen=True)
class Claimed:
    """A batch of rows that only the holder of `claim` may finish."""

    claim: uuid.UUID
    rows: Sequence[MessageEmbedding]


NOTHING = Claimed(uuid.UUID(int=0), ())


@dataclass(frozen=True)
class Embedded:
    """The vectors of one row's message, one for each window, shape (windows, dimensions).

    `tokens`: packed, those of the tokens of each window; None where the provider does not show them.
    """

    row: MessageEmbedding
    vectors: Vectors
    tokens: Sequence[bytes | None]


def embed_batch(provider: EmbeddingProvider, *, only: Sequence[uuid.UUID] | None = None) -> int:
    """Embed one batch of due messages (of `only` these, if given); return how many were taken up."""
    due = MessageEmbedding.objects.due(model=model_key(provider))
    claimed = claim(due if only is None else due.filter(message__in=only))
    if claimed.rows:
        _finish(claimed, provider, embedded=partial(_embed, claimed.rows, provider))
    return len(claimed.rows)


def embed_due(provider: EmbeddingProvider, *, until: float) -> int:
    """Embed due messages, a batch at least and more while `time.monotonic()` is below `until`; how many were taken up.

    A thread keeps the model at work: while it is at a batch, the one before is saved and the one after claimed.
    """
    due = MessageEmbedding.objects.due(model=model_key(provider))
    count, claimed, begun = 0, claim(due), _Begun(provider)
    with ThreadPoolExecutor(1) as model, begun:
        while claimed.rows or begun.batches:
            count += len(claimed.rows)
            alone = not claimed.rows or _is_suspect(claimed.rows[0])  # it shall take no others along
            if alone:
                begun.finish(but=0)
            if claimed.rows:
                begun.add(claimed, model)
            begun.finish(but=0 if alone else 1)
            claimed = claim(due) if time.monotonic() < until else NOTHING
    return count


class _Begun:
    """Batches that the model is at, or comes to next. What is not finished at the end of the block is given back."""

    def __init__(self, provider: EmbeddingProvider) -> None:
        self.provider = provider
        self.batches: deque[tuple[Claimed, trace.Span, Future[list[Embedded]]]] = deque()

    def add(self, claimed: Claimed, model: ThreadPoolExecutor) -> None:
        with trace.use_span(_span(claimed)) as span:
            computing = model.submit(copy_context().run, _embed, claimed.rows, self.provider)
        self.batches.append((claimed, span, computing))

    def finish(self, *, but: int) -> None:
        """Save the first batches, but for so many."""
        while len(self.batches) > but:
            claimed, span, computing = self.batches.popleft()
            _finish(claimed, self.provider, embedded=computing.result, span=span)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for claimed, span, computing in self.batches:
            computing.cancel()
            span.end()
            _release(claimed, EmbeddingStatus.PENDING, reason="Its worker broke off.")


@across_tenants()
def claim(due: MessageEmbeddingQuerySet) -> Claimed:
    """Take up to BATCH rows that no other worker holds, fewer where texts are long."""
    given_up = due.filter(attempts__gte=MAX_ATTEMPTS).update(
        status=EmbeddingStatus.FAILED, claim=None, error=f"The worker stopped in each of {MAX_ATTEMPTS} attempts."
    )
    transaction.on_commit(lambda: metrics.embedding_jobs.labels("failed").inc(given_up))
    unheld = due.select_for_update(skip_locked=True, of=("self",)).select_related("message", "tenant")
    claimed = Claimed(uuid.uuid4(), _within_budget(unheld.order_by("due_at", "pk")[:BATCH]))
    MessageEmbedding.objects.filter(pk__in=[row.pk for row in claimed.rows]).update(
        status=EmbeddingStatus.PROCESSING,
        claim=claimed.claim,
        due_at=Now() + LEASE,
        attempts=F("attempts") + 1,
    )
    return claimed


def _within_budget(rows: Iterable[MessageEmbedding]) -> list[MessageEmbedding]:
    """The first rows whose texts together stay within BATCH_CHARACTERS; at least one, a suspect one alone."""
    taken: list[MessageEmbedding] = []
    budget = BATCH_CHARACTERS
    for row in rows:
        budget -= len(row.message.content)
        if taken and (budget < 0 or _is_suspect(row) or _is_suspect(taken[0])):
            break
        taken.append(row)
    return taken


def _is_suspect(row: MessageEmbedding) -> bool:
    """Whether it may have stopped its worker: still claimed, since no worker came to give it back."""
    return row.status == EmbeddingStatus.PROCESSING and row.attempts >= SUSPECT_ATTEMPTS


def _span(claimed: Claimed) -> trace.Span:
    return tracer.start_span("embed_batch", attributes={"messages": len(claimed.rows)})


def _finish(
    claimed: Claimed,
    provider: EmbeddingProvider,
    *,
    embedded: Callable[[], Sequence[Embedded]],
    span: trace.Span | None = None,
) -> None:
    with trace.use_span(span or _span(claimed), end_on_exit=True):
        _save_or_give_back(claimed, provider, embedded)


def _save_or_give_back(
    claimed: Claimed, provider: EmbeddingProvider, embedded: Callable[[], Sequence[Embedded]]
) -> None:
    """Save a claimed batch; a text the provider refuses fails alone, never its neighbours."""
    started = time.time_ns()
    try:
        saved = save(embedded(), claim=claimed.claim)
        _count(saved)
        _tell(saved, since=started)
        log.info("batch", messages=len(claimed.rows), ms=round((time.time_ns() - started) / 1e6))
    except ProviderRejected as error:
        if len(claimed.rows) > 1:
            for row in claimed.rows:
                _finish(Claimed(claimed.claim, [row]), provider, embedded=partial(_embed, [row], provider))
        elif isinstance(error, UnusableAnswer):
            _postpone(claimed, reason=str(error))
        else:
            _release(claimed, EmbeddingStatus.FAILED, reason=str(error))
    except CircuitOpen as error:  # nothing was asked: no attempt was made
        pause = timedelta(seconds=error.retry_after or 0)
        _release(claimed, EmbeddingStatus.PENDING, reason=str(error), pause=pause, attempts=F("attempts") - 1)
    except ProviderUnavailable as error:
        _postpone(claimed, reason=str(error), at_least=timedelta(seconds=error.retry_after or 0))
    except SoftTimeLimitExceeded:
        _release(claimed, EmbeddingStatus.PENDING, reason="Its worker was told to stop.")
        raise


def _postpone(claimed: Claimed, *, reason: str, at_least: timedelta = timedelta()) -> None:
    """Queue again after a pause that doubles with each attempt; give up those that had their MAX_ATTEMPTS."""
    for row in claimed.rows:
        attempts = row.attempts + 1
        pause = max(at_least, min(BACKOFF_FIRST * 2 ** (attempts - 1), BACKOFF_MAX))
        status = EmbeddingStatus.PENDING if attempts < MAX_ATTEMPTS else EmbeddingStatus.FAILED
        _release(Claimed(claimed.claim, [row]), status, reason=reason, pause=pause)


def _release(
    claimed: Claimed, status: EmbeddingStatus, *, reason: str, pause: timedelta = timedelta(), **changes: Any
) -> None:
    with across_tenants():
        held = MessageEmbedding.objects.filter(pk__in=[row.pk for row in claimed.rows], claim=claimed.claim)
        count = held.update(status=status, claim=None, error=reason, due_at=Now() + pause, **changes)
    metrics.embedding_jobs.labels("failed" if status == EmbeddingStatus.FAILED else "postponed").inc(count)
    log.warning("embedding_not_done", status=str(status), reason=reason, messages=len(claimed.rows))


def _embed(rows: Sequence[MessageEmbedding], provider: EmbeddingProvider) -> list[Embedded]:
    """All windows of all rows in one call, handed back row by row. No transaction is open meanwhile."""
    windows = [provider.split(row.message.content) for row in rows]
    with metrics.timed(metrics.embedding_seconds, kind="document"):
        vectors, tokens = _vectors(provider, [window for of_row in windows for window in of_row])
    result, start = [], 0
    for row, of_row in zip(rows, windows, strict=True):
        end = start + len(of_row)
        result.append(Embedded(row, vectors[start:end], tokens[start:end]))
        start = end
    return result


def _vectors(provider: EmbeddingProvider, texts: Sequence[str]) -> tuple[Vectors, Sequence[bytes | None]]:
    if isinstance(provider, TokenProvider):
        vectors, tokens = provider.embed_document_tokens(texts)
        return vectors, [packed(one) for one in tokens]
    return provider.embed_documents(texts), [None] * len(texts)


@across_tenants()
def save(done: Sequence[Embedded], *, claim: uuid.UUID) -> list[MessageEmbedding]:
    """Store the vectors of the rows still under `claim`, and the score of their messages; return these rows."""
    held = MessageEmbedding.objects.filter(pk__in=[one.row.pk for one in done], claim=claim)
    kept = set(held.order_by("pk").select_for_update().values_list("pk", flat=True))
    mine = [one for one in done if one.row.pk in kept]
    messages = [one.row.message_id for one in mine]
    if not mine:
        return []
    EmbeddingWindow.objects.filter(message__in=messages, model=mine[0].row.model).delete()
    EmbeddingWindow.objects.bulk_create(window for one in mine for window in _windows(one))
    now = timezone.now()
    held.update(status=EmbeddingStatus.COMPLETED, claim=None, error="", completed_at=now, origin=None)
    score(Message.objects.filter(pk__in=messages), now=now)
    for tenant_id in {one.row.tenant_id for one in mine}:
        search_cache.forget_results(tenant_id)
    return [one.row for one in mine]


def _count(saved: Sequence[MessageEmbedding]) -> None:
    """Of rows whose vectors are committed: searchable from now on."""
    now = timezone.now()
    metrics.embedding_jobs.labels("completed").inc(len(saved))
    for row in saved:
        metrics.embedding_lag.observe(max(0.0, (now - row.queued_at).total_seconds()))


def _tell(saved: Sequence[MessageEmbedding], *, since: int) -> None:
    """A line a request: a batch serves many, and whoever follows one finds what became of its messages."""
    waiting: dict[tuple[str, tuple[tuple[str, str], ...]], list[MessageEmbedding]] = defaultdict(list)
    for row in saved:
        if row.origin:
            waiting[row.tenant.slug, tuple(row.origin.items())].append(row)
    for (slug, origin), rows in waiting.items():
        ms = round(max(timezone.now() - row.queued_at for row in rows) / timedelta(milliseconds=1))
        tell(dict(origin), "searchable", since=since, tenant=slug, messages=len(rows), ms=ms)


def _windows(one: Embedded) -> list[EmbeddingWindow]:
    row = one.row
    return [
        EmbeddingWindow(
            tenant_id=row.tenant_id,
            message_id=row.message_id,
            model=row.model,
            position=position,
            vector=vector,
            tokens=tokens,
        )
        for position, (vector, tokens) in enumerate(zip(one.vectors, one.tokens, strict=True))
    ]


def score(messages: QuerySet[Message], *, now: datetime) -> int:
    """Write the importance of the moment to `messages`; return how many."""
    return messages.update(stored_importance=importance_sql(now=now, formula=Formula.from_settings()))
