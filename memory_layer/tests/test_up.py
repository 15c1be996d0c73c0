"""`manage.py up` as an operator sees it, and the README's commands against it."""

import os
import re
import signal
import subprocess
import sys

import psutil
import pytest
import requests
from django.conf import settings

from memory_layer.running import RunningStack

README = (settings.BASE_DIR / "README.md").read_text()


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with RunningStack(tmp_path_factory.mktemp("up")) as running:
        running.key = running.wait_for(r"API key\s+(mlk_\S+)")[1]  # type: ignore[attr-defined]
        running.wait_for("celery@.* ready")
        yield running


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def documented(stack, *command: str, script: str) -> str:
    """What a documented script prints, run with the address and key that a reader would have."""
    variables = {**os.environ, "URL": stack.url, "KEY": stack.key}
    done = subprocess.run(command, input=script, env=variables, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readmes_curl_lines_store_and_find(stack):
    assert "I live in Austin" in documented(stack, "bash", "-e", script="\n".join(blocks("bash")))


def test_the_readmes_person_moves_and_the_timeline_knows_both_towns(stack):
    """What the README tells its reader to try next."""
    api = requests.Session()
    api.headers["X-API-Key"] = stack.key
    documented(stack, "bash", "-e", script="\n".join(blocks("bash")))
    turn = {"user_id": "maya", "session_id": "tuesday", "role": "user", "content": "I moved to Dallas."}
    queued = api.post(f"{stack.url}/v1/ingest", json=turn).json()
    while api.get(f"{stack.url}/v1/jobs/{queued['job_id']}").json()["status"] != "succeeded":
        stack.process.poll()
    asked = {"user_id": "maya", "query": "Where do I live?"}
    (fact,) = api.post(f"{stack.url}/v1/recall", json=asked).json()["relevant_facts"]
    assert fact["content"] == "Lives in Dallas."
    timeline = api.get(f"{stack.url}/v1/timeline?user_id=maya&slot_hint=location").json()["history"]
    assert [one["content"] for one in timeline] == ["Lives in Austin, Texas.", "Lives in Dallas."]
    source = api.get(f"{stack.url}/v1/facts/{fact['id']}/source").json()
    assert (source["content"], source["source_message_id"]) == ("I moved to Dallas.", queued["chat_log_id"])


def test_the_readmes_python_finds_by_meaning(stack):
    (script,) = blocks("python")
    assert "cashews" in documented(stack, sys.executable, "-", script=script).splitlines()[0]


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/admin/login/", "/livez", "/v1/admin/readiness"])
def test_the_pages_that_up_names_answer(stack, path):
    assert requests.get(stack.url + path, timeout=30).status_code == 200


def test_the_metrics_are_those_of_all_parts(stack):
    told = requests.get(f"{stack.url}/metrics", timeout=30).text
    assert 'http_request_duration_seconds_count{method="GET",route="openapi.json"}' in told
    assert 'celery_task_duration_seconds_count{outcome="success",task="memories.tasks.embed_pending"}' in told
    assert "database_up 1.0" in told


def test_a_killed_worker_is_started_again_and_takes_up_its_work(stack):
    stack.child("worker").kill()
    stack.wait_for("worker ended .* started again")
    stack.wait_for("celery@.* ready")
    message = {"conversation_id": "after", "role": "user", "content": "stored after the worker died"}
    requests.post(f"{stack.url}/v1/messages", json=message, headers={"X-API-Key": stack.key}, timeout=30)
    stack.wait_for("batch")


def test_a_second_stack_on_the_same_port_is_refused_with_a_way_out(stack, tmp_path):
    second = RunningStack(tmp_path, MEMORY_PORT=stack.url.rpartition(":")[2])
    second.wait_for("Choose another port")
    assert second.process.wait(60) == 1


def test_ctrl_c_stops_every_process_and_both_servers(stack):
    processes = stack.children()
    assert stack.stop(signal.SIGINT) == 0
    assert not [process for process in processes if process.is_running()]
    assert not [one for one in psutil.process_iter(["cwd"]) if str(stack.data_dir) in (one.info["cwd"] or "")]


def test_sigterm_ends_a_stack_that_is_still_starting(tmp_path):
    running = RunningStack(tmp_path)
    running.wait_for("Preparing the database")
    running.stop(signal.SIGTERM)
    assert not [one for one in psutil.process_iter(["cwd"]) if str(tmp_path) in (one.info["cwd"] or "")]
