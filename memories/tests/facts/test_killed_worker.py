"""A worker that is killed in the middle of a job leaves nothing half done, and another does it once."""

import os
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from memories.facts import working
from memories.models import Fact, FactSource, Job
from memories.tests.facts.flows import PROVIDER, WillfulReader, current, ingest
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
working.work_off(reader=reader, provider=provider)
"""


def killed_while(parts: str) -> None:
    """Have another process take up the job that is due, and end it by SIGKILL where it stays."""
    database = connection.settings_dict
    url = urlsplit(settings.DATABASE_URL)._replace(netloc=f"{database['USER']}@", path=f"/{database['NAME']}").geturl()
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER.format(parts=parts)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "memory_layer.settings", "MEMORY_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        text=True,
    )
    with worker:
        assert worker.stdout
        assert worker.stdout.readline() == "in the middle\n"
        worker.send_signal(signal.SIGKILL)


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
    killed_while(parts)
    assert (Job.objects.get().status, Fact.objects.count()) == ("running", 0)
    Job.objects.update(due_at=timezone.now())  # as it is when the claim's time is over
    assert working.work_off(reader=WillfulReader(), provider=PROVIDER)
    assert not working.work_off(reader=WillfulReader(), provider=PROVIDER)
    assert current(user) == ["Likes tea.", "Lives in Dallas."]
    assert (Fact.objects.count(), FactSource.objects.count(), Job.objects.get().status) == (3, 3, "succeeded")
