"""What several processes counted, as one."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import requests
from django.core.management.base import CommandError
from prometheus_client import generate_latest

from memory_layer.metrics import exposition
from memory_layer.metrics.exposition import PREFIX, VARIABLE, Processes, shared_by_children
from memory_layer.running import free_port
from memory_layer.tests.metrics.samples import samples, scraped

COUNT = """
from memories import metrics
metrics.messages_created.labels("user").inc(2)
metrics.recall_seconds.observe(0.1)
metrics.circuit_open.labels("Vendor").inc()
print("counted", flush=True)
input()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """Where temporary files of the test go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Path(tmp_path)


def counting(directory: str) -> subprocess.Popen[str]:
    """A process that counted, and waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", COUNT],
        env={**os.environ, VARIABLE: directory},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "counted\n"
    return process


def ended_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def told(directory: str) -> dict[tuple[str, ...], float]:
    return samples(generate_latest(exposition.exposed(Processes(directory))).decode())


def test_processes_are_added_up_and_what_one_counted_outlives_it(tmp_path):
    first, second = counting(str(tmp_path)), counting(str(tmp_path))
    assert told(str(tmp_path))["messages_created_total", "user"] == 4
    first.kill()
    first.communicate()
    after = told(str(tmp_path))
    second.communicate("\n")
    assert (after["messages_created_total", "user"], after["memory_recall_duration_seconds_count",]) == (4, 2)


def test_how_things_stood_with_a_process_that_ended_is_forgotten(tmp_path):
    process = counting(str(tmp_path))
    assert told(str(tmp_path))["provider_circuit_open", "Vendor"] == 1
    process.kill()
    process.communicate()
    assert ("provider_circuit_open", "Vendor") not in told(str(tmp_path))


def test_the_view_tells_what_the_processes_of_its_directory_counted(client, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    process = counting(str(tmp_path))
    found = samples(client.get("/metrics").text)
    process.communicate("\n")
    assert found["messages_created_total", "user"] == 2
    assert found["redis_up",] == 1


# --- The directory ----------------------------------------------------------------------------------------------------


def test_children_get_a_fresh_directory_that_is_gone_at_the_end(folder):
    with shared_by_children(with_state=False) as variables:
        directory = Path(variables[VARIABLE])
        assert directory.parent == folder
        assert list(directory.iterdir()) == []
        counting(str(directory)).communicate("\n")
    assert list(folder.iterdir()) == []


def test_what_a_killed_parent_left_is_removed_and_that_of_a_living_one_is_not(folder):
    left = [folder / f"{PREFIX}{pid}-x" for pid in (ended_pid(), os.getpid())]
    others = [
        folder / f"{PREFIX}{os.getppid()}-x",
        folder / f"{PREFIX}1-x",
        folder / "memory-metrics-x",
        folder / "other",
    ]
    for one in (*left, *others):
        one.mkdir()
    (left[0] / "counter_1.db").write_bytes(b"stale")
    with shared_by_children(with_state=False):
        assert not any(one.exists() for one in left)
        assert all(one.exists() for one in others)


def test_without_metrics_there_is_no_directory(settings, folder):
    settings.MEMORY_METRICS_ENABLED = False
    with shared_by_children(with_state=True) as variables:
        assert variables == {}
        assert list(folder.iterdir()) == []


# --- A port of its own ------------------------------------------------------------------------------------------------


@pytest.fixture
def port(settings) -> int:
    settings.MEMORY_METRICS_PORT = free_port()
    return int(settings.MEMORY_METRICS_PORT)


def test_the_port_tells_what_children_counted(port):
    with shared_by_children(with_state=False) as variables:
        counting(variables[VARIABLE]).communicate("\n")
        found = scraped(f"http://127.0.0.1:{port}/metrics")
    assert found["messages_created_total", "user"] == 2
    assert ("redis_up",) not in found


def test_one_part_tells_how_things_stand_as_well(port):
    with shared_by_children(with_state=True):
        assert scraped(f"http://127.0.0.1:{port}/metrics")["redis_up",] == 1


def test_prometheus_own_format_is_understood_too(port):
    with shared_by_children(with_state=True):
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        answer = requests.get(f"http://127.0.0.1:{port}/metrics", headers=accept, timeout=30)
    assert answer.text.endswith("# EOF\n")


def test_a_taken_port_is_refused_with_a_way_out(port):
    with shared_by_children(with_state=False):
        again = shared_by_children(with_state=False)
        with pytest.raises(CommandError, match="Choose another MEMORY_METRICS_PORT"):
            again.__enter__()
