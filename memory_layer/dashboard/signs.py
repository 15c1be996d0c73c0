"""The strip on top: one word a part of the service, said and coloured, with a link to what it is about."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.timesince import timesince

from memories.models import EmbeddingStatus, JobStatus, MessageEmbedding
from memories.usage import embedded
from memory_layer.dashboard.moment import FAILED_AT_MOST, PULSE_TASK, Moment
from retention.apps import TASK as RETENTION_TASK
from retention.models import Run
from tenants.admin_base import list_url

GOOD, WARNING, BAD = "good", "warning", "bad"
BEHIND = timedelta(minutes=2)  # that a text may wait for its vector
SLOW = 500.0  # milliseconds, of one search in twenty
FRESH = timedelta(days=1)  # searches that tell how search is
SILENT = timedelta(minutes=10)  # beat writes down what it did every three


@dataclass(frozen=True)
class Sign:
    """`state` is good, warning or bad; `word` says it, `detail` why."""

    name: str
    state: str
    word: str
    detail: str
    url: str


def for_operator(user: Any, moment: Moment) -> list[Sign]:
    return [sign for permission, read in READ.items() if user.has_perm(permission) for sign in read(moment)]


def _embedding(moment: Moment) -> list[Sign]:
    now, models = moment.now, moment.models
    waiting = embedded.waiting(models=models)
    url = list_url("memories_messageembedding", status__exact=EmbeddingStatus.PENDING)
    more = "or more " if waiting.is_capped else ""
    if waiting.since is None or now - waiting.since < BEHIND:
        detail = f"{waiting.count:,} {more}waiting" if waiting.count else "nothing waits"
        return [Sign("Embedding", GOOD, "up to date", detail, url), _provider(models, waiting.count)]
    detail = f"{waiting.count:,} {more}waiting, the first for {timesince(waiting.since, now, depth=1)}"
    return [Sign("Embedding", WARNING, "behind", detail, url), _provider(models, waiting.count)]


def _provider(models: Sequence[str], waiting: int) -> Sign:
    """What was put off is due last, and says why."""
    unfinished = MessageEmbedding.objects.filter(model__in=models).unfinished()
    last = unfinished.order_by("-due_at").values_list("error", flat=True).first() if waiting else ""
    url = list_url("memories_messageembedding")
    name = settings.MEMORY_EMBEDDING_PROVIDER.replace("_", " ")
    if last:
        return Sign("Provider", BAD, "failing", f"{name}: {last}", url)
    return Sign("Provider", GOOD, "answering" if waiting else "no complaint", name, url)


def _search(moment: Moment) -> list[Sign]:
    took = [one.milliseconds for one in moment.searches if moment.now - one.at < FRESH]
    p95, url = embedded.percentiles(took)["p95"], "#search"
    if p95 is None:
        return [Sign("Search", GOOD, "not asked", "no search in a day", url)]
    slow = p95 > SLOW
    return [
        Sign("Search", WARNING if slow else GOOD, "slow" if slow else "quick", f"95 of 100 within {p95:.0f} ms", url)
    ]


def _schedules(moment: Moment) -> list[Sign]:
    """Whether beat lives, from what it wrote down of itself."""
    pulse, now = moment.schedules.get(PULSE_TASK), moment.now
    last, url = pulse.last_run_at if pulse else None, reverse("admin:django_celery_beat_periodictask_changelist")
    if last is None:
        return [Sign("Schedules", WARNING, "not begun", "beat has not run yet", url)]
    ago = f"last heard of {timesince(last, now, depth=1)} ago"
    if now - last > SILENT:
        return [Sign("Schedules", BAD, "stopped", f"{ago}: start beat", url)]
    return [Sign("Schedules", GOOD, "running", ago, url)]


def _retention(moment: Moment) -> list[Sign]:
    last = Run.objects.defer("planned", "sample").order_by("-pk").first()
    state, word, detail = _of_retention(moment.schedules.get(RETENTION_TASK), last, now=moment.now)
    return [Sign("Retention", state, word, detail, reverse("admin:retention_run_changelist"))]


def _of_retention(schedule: Any, last: Run | None, *, now: datetime) -> tuple[str, str, str]:
    ago = f"last run {timesince(last.created_at, now, depth=1)} ago" if last else "no run yet"
    if last and last.status == Run.Status.FAILED:
        return BAD, "failed", ago
    if schedule is None or not schedule.enabled:
        return WARNING, "not scheduled", ago
    every = timedelta(seconds=settings.MEMORY_RETENTION_SCHEDULE_SECONDS)
    if schedule.interval:
        every = timedelta(**{schedule.interval.period: schedule.interval.every})
    heard = max(filter(None, [last and last.created_at, schedule.last_run_at]), default=None)
    if heard and now - heard > 2 * every:
        return BAD, "overdue", ago
    return GOOD, "on time" if heard else "waiting", ago


def _jobs(moment: Moment) -> list[Sign]:
    failed = len(moment.failed_jobs)
    url = list_url("memories_job", status__exact=JobStatus.FAILED)
    if failed:
        more = " or more" if failed == FAILED_AT_MOST else ""
        return [Sign("Jobs", BAD, "failing", f"{failed}{more} failed", url)]
    return [Sign("Jobs", GOOD, "none failed", "nothing to try again", url)]


READ: dict[str, Callable[[Moment], list[Sign]]] = {
    "memories.view_messageembedding": _embedding,
    "tenants.view_tenant": _search,
    "retention.view_run": _retention,
    "memories.view_job": _jobs,
    "django_celery_beat.view_periodictask": _schedules,
}
