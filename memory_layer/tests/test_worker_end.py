"""A worker that is told to end, while its vendor does not answer."""

import os
import signal
import subprocess
import sys
import time

import psycopg
import pytest
from django.conf import settings

from chaos.vendor import DIMENSIONS, served
from memory_layer import embedded

MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]
STATES = "SELECT status, claim IS NULL FROM memories_messageembedding"
STORE = """
from memories.ingest import NewMessage, store
from tenants.founding import found_or_known
store(found_or_known("default"), [NewMessage("c", "user", "I live in Austin.")])
"""


@pytest.fixture
def vendor():
    with served() as vendor:
        yield vendor


@pytest.fixture
def variables(tmp_path, vendor):
    """What points a command at a database of the test's own, with a message to embed, and at the vendor."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMORY_")}
    own = {"MEMORY_DATA_DIR": str(tmp_path / "d"), "MEMORY_REQUEST_TIMEOUT_SECONDS": "600"}
    own |= {"MEMORY_EMBEDDING_PROVIDER": "openai", "MEMORY_OPENAI_BASE_URL": vendor.url}
    own |= {"MEMORY_EMBEDDING_MODEL_NAME": "hangs", "MEMORY_EMBEDDING_DIMENSIONS": str(DIMENSIONS)}
    values = {**kept, **own, "DJANGO_SETTINGS_MODULE": "memory_layer.settings"}
    with embedded.lease(tmp_path / "d", durable=False):
        for command in (["migrate", "-v0"], ["shell", "-v0", "-c", STORE]):
            subprocess.run([*MANAGE, *command], env=values, check=True, timeout=120)
        yield values


def test_it_breaks_off_what_takes_too_long_and_gives_back_its_claims(vendor, variables, tmp_path):
    vendor.fall("hangs")  # longer than anybody waits here
    worker = subprocess.Popen([*MANAGE, "worker"], env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    wait_for(tmp_path / "d", ("processing", False))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    assert states(tmp_path / "d") == [("pending", True)]


def wait_for(data_dir, state):
    end = time.monotonic() + 60
    while states(data_dir) != [state]:
        assert time.monotonic() < end


def states(data_dir):
    where = embedded.database_url(data_dir).replace("memory_layer@", "postgres@")
    with psycopg.connect(where) as connection:
        return connection.execute(STATES).fetchall()
