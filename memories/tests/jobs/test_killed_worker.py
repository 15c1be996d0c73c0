"""A worker that is killed in the middle of a step leaves nothing of it, and another goes on with exactly that step."""

import pytest
from django.utils import timezone

from memories.models import Job
from memories.tests.helpers import kill_in_the_middle
from memories.tests.jobs.operations import counted, counting, counting_job, work_off

WORKER = """
import time, django
django.setup()
from memories.tests.jobs.operations import counting, work_off

def stay(number):
    if number == 2:
        print("in the middle", flush=True)
        time.sleep(600)

work_off(counting(stay, is_atomic={is_atomic}))
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("is_atomic", "left"), [(True, ["1"]), (False, ["1", "2"])])
def test_another_goes_on_with_the_step_that_was_not_done(tenant, is_atomic, left):
    """A step of one transaction is undone; one with scopes of its own may have been done, and is repeated."""
    job = counting_job(tenant)
    kill_in_the_middle(WORKER.format(is_atomic=is_atomic))
    job.refresh_from_db()
    assert (job.status, job.done, counted()) == ("running", 1, left)
    seen: list[int] = []
    assert not work_off(counting(seen.append))  # the claim of the dead stands until its time is over
    Job.objects.update(due_at=timezone.now())
    assert work_off(counting(seen.append))
    job.refresh_from_db()
    assert (seen, job.status, job.done, job.result) == ([2, 3], "succeeded", 3, {"counted": 3})
    assert counted() == ["1", "2", "3"]
