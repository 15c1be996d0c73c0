"""Erase an end user, a conversation or a tenant with every trace, and prove it.

First goes what mentions the rows, then the messages, in batches of short transactions, then the rest; the subject's own
row last. Whatever ends an erasure before that, the same call again finishes it, and its receipt counts what that call
found. If it ends after, before the receipt is stored, the audit trail has what was to go, and there is nobody left to
erase. What is written about the subject meanwhile is found by the proof, which says so.

Out of reach, until they are recycled: PostgreSQL's log of changes (WAL), replicas, and backups of any kind.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet, UUIDField

from memories import editing
from memories.models import Job, Message
from retention.erasure import cold_traces, in_redis, needles, proof, receipts, traces
from retention.erasure.needles import Needles
from retention.erasure.subjects import Rows, Subject, refuse_held, rows_of
from retention.erasure.vacuum import vacuum
from retention.models import Receipt, Run
from tenants import audit
from tenants.isolation import across_tenants, tenant_scope
from tenants.models import Tenant

BATCH = 500
OnBatch = Callable[[int, int], object]
OnGone = Callable[[], object]


class ErasureIncomplete(Exception):
    """Something was left, or could not be searched: `receipt`, which is stored all the same, says where."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__("Not everything is gone; the receipt says what was left, and where.")
        self.receipt = receipt


@dataclass(frozen=True)
class _Found:
    """What an erasure would take away, and how to recognise it afterwards."""

    rows: Rows
    traces: traces.Traces
    cold: cold_traces.InCold
    needles: Needles
    by_model: Counter[type[Model]]
    counts: dict[str, int]


def plan_erasure(subject: Subject) -> dict[str, int]:
    """What `erase` would take away, by kind; nothing is changed. Raises Held."""
    return _find(subject).counts


def erase(subject: Subject, *, on_batch: OnBatch = lambda _done, _of: None, on_gone: OnGone = lambda: None) -> Receipt:
    """Erase the subject and return the receipt, outside of any scope and transaction.

    `on_batch` is told how many messages are gone, of how many; `on_gone` is called in the transaction that deletes the
    subject's own row. Raises Held, before or between batches, if a legal hold
    reaches anything of it; CorruptColdFile and RedisError, before anything is changed; ErasureIncomplete if something
    is left, or could not be searched.
    """
    found = _find(subject)
    with across_tenants():
        audit.record("erase.requested", tenant=subject.tenant, **_said(subject, found))
    cold_traces.remove(found.cold)
    with across_tenants():
        traces.remove(found.traces)
    _delete_messages(subject, found.rows, on_batch)
    _delete_rest(subject, found, on_gone)
    in_redis.forget(subject.tenant, generation=isinstance(subject.row, Tenant))
    return _concluded(subject, found)


def _find(subject: Subject) -> _Found:
    cold = cold_traces.of(subject)
    with across_tenants():
        rows = rows_of(subject)
        refuse_held(subject, rows)
        ids = _ids(rows) | cold.ids
        mentions = traces.of(subject, rows, ids)
        by_model = Counter({model: queryset.count() for model, queryset in rows.items()})
        for queryset in mentions.rows:
            by_model[queryset.model] += queryset.count()
        sought = needles.collected(rows, ids, cold.texts)
    counts = {_plural(model): count for model, count in by_model.items()} | {
        "run_samples": mentions.sampled,
        "cold_messages": len(cold.ids),
        "cache_entries": len(in_redis.cached_of(subject.tenant, generation=isinstance(subject.row, Tenant))),
    }
    if mentions.samples:
        by_model[Run] += len(mentions.samples)
    by_model[Job] += 1 + len(mentions.positions)  # the job of this very erasure is one of those that name it
    return _Found(rows, mentions, cold, sought, by_model, {kind: n for kind, n in sorted(counts.items()) if n})


def _ids(rows: Rows) -> frozenset[UUID]:
    """The ids of all rows that have one of their own; numbers are no ids, they name nothing outside of their table."""
    named = [queryset for model, queryset in rows.items() if isinstance(model._meta.pk, UUIDField)]
    return frozenset(pk for queryset in named for pk in queryset.values_list("pk", flat=True).iterator())


def _plural(model: type[Model]) -> str:
    return str(model._meta.verbose_name_plural).lower().replace(" ", "_")


def _delete_messages(subject: Subject, rows: Rows, on_batch: OnBatch) -> None:
    with tenant_scope(subject.tenant):
        ids = list(rows[Message].values_list("pk", flat=True))
    for start in range(0, len(ids), BATCH):
        with tenant_scope(subject.tenant):
            refuse_held(subject, rows)
            editing.delete(Message.objects.filter(pk__in=ids[start : start + BATCH]))
        on_batch(min(start + BATCH, len(ids)), len(ids))


def _delete_rest(subject: Subject, found: _Found, on_gone: OnGone) -> None:
    """What is left hangs on the subject's own row. A tenant's row is out of reach in the tenant's own scope."""
    with across_tenants():
        refuse_held(subject, found.rows)
        editing.delete(Message.objects.filter(pk__in=found.rows[Message]))
        own: QuerySet[Any] = found.rows[type(subject.row)]
        own.delete()
        on_gone()


def _said(subject: Subject, found: _Found) -> dict[str, Any]:
    """For the audit trail: how much of whom, whose name it does not learn."""
    return {"kind": subject.kind, "subject": subject.digest, "counts": found.counts}


def _concluded(subject: Subject, found: _Found) -> Receipt:
    """Vacuum, search, and store what came of it, signed."""
    tables = {model._meta.db_table for model, count in found.by_model.items() if count}
    vacuumed, not_vacuumed = vacuum(tables)
    result = {
        **asdict(proof.prove(found.needles, subject)),
        "vacuumed": vacuumed,
        "not_vacuumed": not_vacuumed,
    }
    receipt = Receipt(
        tenant=subject.tenant,
        subject_kind=subject.kind,
        subject_digest=subject.digest,
        counts=found.counts,
        proof=result,
    )
    receipts.sign(receipt)
    is_complete = not result["found"]
    with across_tenants():
        receipt.save(force_insert=True)
        outcome = "erase.completed" if is_complete else "erase.incomplete"
        audit.record(outcome, tenant=subject.tenant, **_said(subject, found))
    if not is_complete:
        raise ErasureIncomplete(receipt)
    return receipt
