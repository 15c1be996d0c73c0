"""A worker that is killed in the middle of a job leaves nothing half done, and another does it once."""

import pytest
from django.utils import timezone

from memories.facts import working
from memories.models import Fact, FactSource, Job
from memories.tests.facts.flows import PROVIDER, WillfulReader, current, ingest
from memories.tests.helpers import kill_in_the_middle
from tenants.tests.factories import EndUserFactory

WORKER = """
import time, django
django.setup()
from memories.facts import working
from memories.tests.facts.flows import PROVIDER, WillfulReader
from memories.tests.helpers import WillfulProvider

def stay(texts):
    print("in the middle", flush=True)
    time.sleep(600)

reader, provider = {parts}
working.work_off(reader=reader, provider_for=lambda _: provider)
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "parts",
    ["WillfulReader(stay), PROVIDER", "WillfulReader(), WillfulProvider(stay)"],
    ids=["reading", "embedding"],
)
def test_no_fact_is_there_twice_and_none_is_missing(tenant, settings, parts):
    settings.MEMORY_EXTRACTION_DEBOUNCE_SECONDS = 0
    user = EndUserFactory.create(tenant=tenant)
    for content in ("I live in Austin.", "I like tea.", "I moved to Dallas."):
        ingest(user, content)
    kill_in_the_middle(WORKER.format(parts=parts))
    assert (Job.objects.get().status, Fact.objects.count()) == ("running", 0)
    Job.objects.update(due_at=timezone.now())  # as it is when the claim's time is over
    assert working.work_off(reader=WillfulReader(), provider_for=lambda _: PROVIDER)
    assert not working.work_off(reader=WillfulReader(), provider_for=lambda _: PROVIDER)
    assert current(user) == ["Likes tea.", "Lives in Dallas."]
    assert (Fact.objects.count(), FactSource.objects.count(), Job.objects.get().status) == (3, 3, "succeeded")
