"""What several cards and signs read, once."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

from django_celery_beat.models import PeriodicTask

from memories.embedding_models import all_serving
from memories.models import Job, JobStatus
from memories.usage import asked, figures
from memories.usage.asked import Asked
from memories.usage.figures import Figures
from retention.apps import TASK as RETENTION_TASK

DAYS = 30
FAILED_AT_MOST = 100
PULSE_TASK = "memories.tasks.embed_pending"  # the one that beat calls most often


@dataclass
class Moment:
    now: datetime

    @property
    def today(self) -> date:
        return self.now.astimezone(UTC).date()

    @cached_property
    def models(self) -> list[str]:
        """Keys of those that tenants are searched by, first that of the settings."""
        return all_serving()

    @cached_property
    def days(self) -> dict[date, Figures]:
        """The last DAYS of all tenants."""
        return figures.by_day(self.today - timedelta(days=DAYS - 1), self.today)

    @cached_property
    def searches(self) -> list[Asked]:
        return asked.latest("search")

    @cached_property
    def failed_jobs(self) -> list[Job]:
        """The latest, FAILED_AT_MOST of them."""
        failed = Job.objects.filter(status=JobStatus.FAILED).select_related("tenant").order_by("-pk")
        return list(failed.defer("asked", "position", "result")[:FAILED_AT_MOST])

    @cached_property
    def schedules(self) -> dict[str, Any]:
        """What beat calls, by task."""
        tasks = PeriodicTask.objects.filter(task__in=[PULSE_TASK, RETENTION_TASK]).select_related("interval")
        return {one.task: one for one in tasks}
