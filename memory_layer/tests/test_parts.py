"""`manage.py api`, `worker` and `beat`: one part each, as process managers start them; and the demo as a whole."""

import os
import signal
import subprocess
import sys

import pytest
from django.conf import settings

from memory_layer.running import free_port
from memory_layer.stack import api_command, wait_until_it_answers

MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
    """What points a command at data of the test's own, migrated."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMORY_")}
    own = {
        "MEMORY_DATA_DIR": str(tmp_path_factory.mktemp("parts")),
        "MEMORY_PORT": str(free_port()),
        "MEMORY_EMBEDDING_PROVIDER": "mock",
    }
    values = {**kept, **own, "DJANGO_SETTINGS_MODULE": "memory_layer.settings"}
    subprocess.run([*MANAGE, "migrate", "-v0"], env=values, check=True, timeout=120)
    return values


def started(part: str, variables: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen([*MANAGE, part], env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    return process.returncode


def test_the_api_serves_until_it_is_told_to_stop(variables):
    process = started("api", variables)
    assert wait_until_it_answers(f"http://127.0.0.1:{variables['MEMORY_PORT']}/v1/admin/readiness")
    assert ended(process) == 0


@pytest.mark.parametrize(("provider", "threads"), [("sentence_transformer", "4"), ("openai", "16")])
def test_the_api_has_more_threads_where_requests_wait_for_a_vendor(monkeypatch, provider, threads):
    monkeypatch.setattr(settings, "MEMORY_EMBEDDING_PROVIDER", provider)
    command = api_command()
    assert command[command.index("--blocking-threads") + 1] == threads


@pytest.mark.parametrize(("part", "sign"), [("worker", "ready"), ("beat", "Schedule")])
def test_a_part_works_until_it_is_told_to_stop(variables, part, sign):
    process = started(part, variables)
    assert any(sign in line for line in process.stdout or ())
    assert ended(process) == 0


def test_the_demo_answers_from_a_stack_of_its_own_and_leaves_nothing(variables):
    done = subprocess.run([*MANAGE, "demo"], env=variables, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "306/306" in done.stdout
    assert "expected turns were among the first" in done.stdout
