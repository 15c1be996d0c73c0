"""What becomes of the parts of `manage.py up`, and of those whose parent is killed."""

import io
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from memory_layer import supervisor
from memory_layer.supervisor import ProcessFailedError, Supervisor, python

ROOT = Path(__file__).parents[2]
SUPERVISES = """
import sys
from memory_layer.supervisor import Supervisor, python
part = python("-c", "import time; print('up', flush=True); time.sleep(600)")
parent = Supervisor({"part": part}, environment={}, out=sys.stdout)
parent.start()
parent.run()
"""


def supervised(script: str) -> tuple[Supervisor, io.StringIO]:
    out = io.StringIO()
    return Supervisor({"part": python("-c", script)}, environment={}, out=out), out


def run_until(parent: Supervisor, said: Callable[[], bool]) -> None:
    """Runs it until something was said, in a thread as its signal handler would end it."""
    ticks = threading.Event()

    def watch() -> None:
        while not said() and not ticks.wait(0.02):
            pass
        parent.stop()

    watcher = threading.Thread(target=watch)
    watcher.start()
    parent.start()
    try:
        parent.run()
    finally:
        ticks.set()
        watcher.join()


def test_what_never_stood_is_given_up(monkeypatch):
    monkeypatch.setattr(supervisor, "PAUSE_MAX_SECONDS", 0)
    parent, out = supervised("raise SystemExit(3)")
    with pytest.raises(ProcessFailedError, match=r"part ended 3 times right after its start \(code 3\)"):
        run_until(parent, lambda: False)
    assert out.getvalue().count("is started again") == 2


def test_what_has_stood_is_started_again_however_often_it_dies(monkeypatch):
    """A server that it needs may be away for long."""
    monkeypatch.setattr(supervisor, "PAUSE_MAX_SECONDS", 0)
    parent, out = supervised("raise SystemExit(3)")
    parent.children[0].has_stood = True
    run_until(parent, lambda: out.getvalue().count("is started again") > supervisor.QUICK_DEATHS_MAX)


def test_what_dies_at_its_start_waits_a_while_longer_each_time():
    parent, out = supervised("raise SystemExit(3)")
    child = parent.children[0]
    child.has_stood = True
    run_until(parent, lambda: out.getvalue().count("is started again") == 2)
    assert child.start_at - child.started > 2


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked, in words of Linux")
def test_parts_end_when_their_parent_is_killed():
    with subprocess.Popen([sys.executable, "-c", SUPERVISES], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert "up" in parent.stdout.readline()
        parts = psutil.Process(parent.pid).children()
        parent.kill()
        ended, left = psutil.wait_procs(parts, timeout=30)
    assert (len(ended), left) == (1, [])
