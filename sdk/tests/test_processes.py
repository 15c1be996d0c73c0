"""Exits and forks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.service import Service

SOURCE = Path(__file__).parents[1] / "src"

EXIT = """
import memoire
client = memoire.Memoire("k", {url!r})
for number in range(20):
    client.ingest(str(number), session_id="s1")
"""

FORK = """
import os, memoire
client = memoire.Memoire("k", {url!r})
client.recall("before")
for number in range(20):
    client.ingest(f"parent {{number}}", session_id="parent")
child = os.fork()
if not child:
    assert client.flush(0)  # nothing of the parent's waits here
    client.ingest("child", session_id="child")
    assert client.recall("after")
    client.close()
    os._exit(client.dropped)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert client.recall("afterwards")
client.close()
assert client.dropped == 0
"""

GIVEN_UP = """
import memoire
for number in range(30):
    memoire.Memoire("k", {url!r}).recall("Where?")
import gc, threading, time
gc.collect()
end = time.monotonic() + 5
while threading.active_count() > 1 and time.monotonic() < end:
    time.sleep(0.01)
assert threading.active_count() == 1, threading.enumerate()
"""


def run(program: str, *, url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", program.format(url=url)]
    return subprocess.run(
        command, env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_waits_at_exit_is_sent(service: Service, host: str) -> None:
    done = run(EXIT, url=service.url.replace("127.0.0.1", host))
    assert (done.returncode, done.stderr) == (0, "")
    assert [turn["content"] for turn in service.turns()] == [str(number) for number in range(20)]


def test_an_exit_does_not_wait_for_a_service_that_hangs(service: Service) -> None:
    service.behaviour = "hangs"
    done = run(EXIT, url=service.url)
    assert done.returncode == 0
    assert "20 dropped" in done.stderr


def test_after_a_fork_the_child_has_a_queue_of_its_own_and_the_parent_keeps_its_turns(service: Service) -> None:
    done = run(FORK, url=service.url)
    assert (done.returncode, done.stderr) == (0, "")
    said = [turn["content"] for turn in service.turns()]
    assert sorted(said) == sorted(["child", *(f"parent {number}" for number in range(20))])


def test_clients_that_are_let_go_leave_no_threads(service: Service) -> None:
    done = run(GIVEN_UP, url=service.url)
    assert (done.returncode, done.stderr) == (0, "")
