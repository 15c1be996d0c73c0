"""What was stored before a migration goes on after it."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from memories.models import Job
from memories.tests.factories import ConversationFactory
from retention import runs
from retention.models import Run
from retention.tests.factories import aged
from tenants.tests.plain_login import plain_login

BEFORE, AFTER = [("retention", "0002_forecast")], [("retention", "0003_runs_are_jobs")]


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_under_way_is_carried_on_by_a_job(tenant) -> None:
    aged(31, conversation=ConversationFactory.create(tenant=tenant))
    run = runs.begin(tenant, trigger=Run.Trigger.API)
    Job.objects.all().delete()
    MigrationExecutor(connection).migrate(BEFORE)
    MigrationExecutor(connection).migrate(AFTER)
    with plain_login():
        runs.execute(run)
    assert (run.status, run.archived, Job.objects.get().pk) == ("completed", 1, run.pk)
