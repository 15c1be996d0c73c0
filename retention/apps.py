from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RetentionConfig(AppConfig):
    name = "retention"

    def ready(self) -> None:
        from memories.jobs import working
        from memories.models import JobKind
        from retention import cold, restoring, runs
        from retention.erasure import as_job

        post_migrate.connect(schedule_runs, sender=self)
        working.register(JobKind.RETENTION, runs.OPERATION, ended=runs.job_ended)
        working.register(JobKind.RESTORE, restoring.OPERATION)
        working.register(JobKind.RESTORE_COLD, cold.RESTORING)
        working.register(JobKind.ERASE, as_job.flow)


def schedule_runs(**_: Any) -> None:
    """Have beat run retention every MEMORY_RETENTION_SCHEDULE_SECONDS, unless operators have a schedule of theirs.

    A row of django-celery-beat, so that the admin can change it: what stands there is never overwritten.
    """
    from django.conf import settings
    from django.db import connection
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    is_migrated = PeriodicTask._meta.db_table in connection.introspection.table_names()  # not where one app alone is
    if not is_migrated or PeriodicTask.objects.filter(task=TASK).exists():
        return
    every, _created = IntervalSchedule.objects.get_or_create(
        every=settings.MEMORY_RETENTION_SCHEDULE_SECONDS, period=IntervalSchedule.SECONDS
    )
    PeriodicTask.objects.create(name="run retention", task=TASK, interval=every)


TASK = "retention.tasks.run_all"
