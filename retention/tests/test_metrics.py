"""What this room counts is what happened, once it is committed."""

from typing import Any

import pytest

from memories.tests.factories import ConversationFactory
from retention import runs
from retention.models import Run
from retention.tests.factories import aged

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _old_messages(tenant):
    conversation = ConversationFactory.create(tenant=tenant)
    for days in (40, 50, 200):
        aged(days, conversation=conversation)


@pytest.fixture
def run(tenant, django_capture_on_commit_callbacks):
    def run(**options: Any) -> Run:
        with django_capture_on_commit_callbacks(execute=True):
            begun = runs.begin(tenant, trigger=Run.Trigger.API, **options)
            runs.execute(begun)
        return begun

    return run


def test_a_run_is_counted_with_what_it_did(run, grown):
    done = run(dry_run=False)
    assert done.archived + done.deleted == 3
    assert grown("retention_messages_total", action="archive") == done.archived
    assert grown("retention_messages_total", action="delete") == done.deleted
    assert grown("retention_runs_total", status="completed", dry_run="false") == 1


def test_a_dry_run_counts_as_one_and_no_messages(run, grown):
    run(dry_run=True)
    assert grown("retention_runs_total", status="completed", dry_run="true") == 1
    assert grown("retention_messages_total", action="archive") == 0


def test_a_cancelled_run_is_counted_once(tenant, grown, django_capture_on_commit_callbacks):
    run = runs.begin(tenant, trigger=Run.Trigger.API, dry_run=False)
    with django_capture_on_commit_callbacks(execute=True):
        assert [runs.cancel(run), runs.cancel(run)] == [True, False]
    assert grown("retention_runs_total", status="cancelled", dry_run="false") == 1
