"""What mentions erased rows without referring to them: facts, kept answers, plans, jobs, the admin's history."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.postgres.fields import ArrayField
from django.db.models import BooleanField, Exists, F, Field, Func, OuterRef, QuerySet, TextField, UUIDField, Value

from memories.models import Conversation, Fact, FactSource, Job, JobKind, Profile
from memories.models.job import OPEN
from retention.erasure.subjects import Rows, Subject
from retention.models import PlannedItem, Run
from tenants.ids import as_uuid
from tenants.models import EndUser, IdempotencyKey

Named = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Traces:
    """`rows` are to be deleted, `samples` are what is to stand in those of runs, `sampled` counts what goes of them.

    `positions` are the jobs that stopped at an erased row: they begin anew.
    """

    rows: list[QuerySet[Any]]
    samples: Mapping[UUID, list[Any]]
    sampled: int
    positions: list[UUID]


class _IsAny(Func):
    """Whether a column is one of many values, given as one array: a list of 100,000 parameters takes long to plan."""

    template = "%(expressions)s"
    arg_joiner = " = "
    output_field = BooleanField()

    def __init__(self, column: str, values: list[Any], field: "Field[Any, Any]") -> None:
        super().__init__(F(column), Func(Value(values, output_field=ArrayField(field)), function="ANY"))


def of(subject: Subject, rows: Rows, ids: Collection[UUID]) -> Traces:
    """What would be left of `rows`, whose ids are `ids`; to be read across tenants, for the admin has no scope."""
    texts = [str(one) for one in ids]
    cited = FactSource.objects.filter(_IsAny("message_id", list(ids), UUIDField()), tenant=subject.tenant)
    told_elsewhere = FactSource.objects.filter(fact=OuterRef("pk")).exclude(pk__in=cited)
    told_here_alone = Fact.objects.filter(~Exists(told_elsewhere), pk__in=cited.values("fact"))
    mentioning = [
        Profile.objects.filter(end_user__in=told_here_alone.values("end_user")),
        told_here_alone,
        cited,  # after the facts, which are found by it
        IdempotencyKey.objects.filter(pk__in=_answers(subject, ids, _named(rows))),
        PlannedItem.objects.filter(_IsAny("message_id", list(ids), UUIDField()), tenant=subject.tenant),
        LogEntry.objects.filter(_IsAny("object_id", texts, TextField())),
        Job.objects.filter(pk__in=_jobs(subject, ids, "asked")),
    ]
    remaining = [found.exclude(pk__in=rows[found.model]) if found.model in rows else found for found in mentioning]
    runs = Run.objects.for_tenant(subject.tenant).exclude(pk__in=rows.get(Run, Run.objects.none()))
    before = {run.pk: run.sample for run in runs.only("sample").iterator()}
    after = {pk: [one for one in sample if as_uuid(one["message_id"]) not in ids] for pk, sample in before.items()}
    changed = {pk: sample for pk, sample in after.items() if sample != before[pk]}
    sampled = sum(len(before[pk]) - len(sample) for pk, sample in changed.items())
    return Traces(remaining, changed, sampled, positions=_jobs(subject, ids, "position"))


def remove(traces: Traces) -> None:
    for rows in traces.rows:
        rows.delete()
    for pk, sample in traces.samples.items():
        Run.objects.filter(pk=pk).update(sample=sample)
    Job.objects.filter(pk__in=traces.positions).update(position={}, done=0)


def _jobs(subject: Subject, ids: Collection[UUID], field: str) -> list[UUID]:
    """The tenant's jobs with an erased id in this field of theirs, but for erasures that are under way."""
    theirs = Job.objects.for_tenant(subject.tenant).exclude(kind=JobKind.ERASE, status__in=OPEN)
    written = theirs.exclude(**{field: {}}).values_list("pk", field)
    return [pk for pk, value in written.iterator() if any(as_uuid(text) in ids for _, text in _strings(value))]


def _named(rows: Rows) -> Named:
    """What clients call the rows, by the field of an answer that says so."""
    return {
        field: set(rows[model].exclude(external_id=None).values_list("external_id", flat=True))
        for field, model in (("user_id", EndUser), ("conversation_id", Conversation))
        if model in rows
    }


def _answers(subject: Subject, ids: Collection[UUID], named: Named) -> list[int]:
    """The kept answers of the tenant that name an erased row, by its id or as clients do."""
    kept = IdempotencyKey.objects.filter(tenant=subject.tenant).exclude(body=None).values_list("pk", "body")
    return [
        pk
        for pk, body in kept.iterator()
        if any(as_uuid(text) in ids or text in named.get(field, ()) for field, text in _strings(body))
    ]


def _strings(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Every string in a JSON value, with the name of the field that it stands in."""
    match value:
        case str():
            yield field, value
        case list():
            for one in value:
                yield from _strings(one, field)
        case dict():
            for name, one in value.items():
                yield from _strings(one, name)
