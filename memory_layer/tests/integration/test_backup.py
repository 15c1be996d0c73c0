"""The commands of docs/operations.md, run as they are printed: a service is backed up, lost and restored."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from memory_layer import embedded
from memory_layer.running import RunningStack
from memory_layer.tests.integration.conftest import Service

DOCUMENT = (settings.BASE_DIR / "docs" / "operations.md").read_text()
KEPT, MOVED, ERASED = "The boiler was repaired on Monday.", "tool output that nobody asks for", "Forget me."
PSQL = "python -m memory_layer.embedded run .memory psql --csv --tuples-only"
FORCED = "SELECT relname FROM pg_class WHERE relforcerowsecurity ORDER BY 1"
ACCESS = "SELECT relname, relowner::regrole, relacl FROM pg_class WHERE relkind IN ('r', 'S') ORDER BY 1"


def scripts(heading: str) -> list[str]:
    """The shell scripts of a section, in order."""
    section = DOCUMENT.split(f"\n### {heading}\n")[1].split("\n## ")[0].split("\n### ")[0]
    return re.findall(r"^```bash\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


@dataclass
class Operator:
    """Works in a folder with the project's programs in the PATH, as the document says."""

    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if "MEMORY_" not in name or "EMBEDDING" in name}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {"MEMORY_DATA_DIR": str(self.folder / ".memory"), "DJANGO_SETTINGS_MODULE": "memory_layer.settings"}
        return {**kept, **own, "PATH": path, "PYTHONPATH": str(settings.BASE_DIR)}

    def tries(self, script: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "-e", "-o", "pipefail", "-c", script]
        return subprocess.run(
            command, cwd=self.folder, env=self.variables, capture_output=True, text=True, timeout=120, check=False
        )

    def runs(self, script: str) -> str:
        done = self.tries(script)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def asks(self, statement: str) -> str:
        return self.runs(f'{PSQL} --command "{statement}"')

    @contextmanager
    def serves(self) -> Iterator[RunningStack]:
        with RunningStack(self.folder, MEMORY_DATA_DIR=str(self.folder / ".memory")) as stack:
            stack.wait_for("celery@.* ready")
            yield stack


@dataclass
class Before:
    """What was known of the service that was lost."""

    key: str
    receipt: dict[str, Any]
    forced: str
    access: str


def filled(stack: RunningStack) -> tuple[Service, dict[str, Any]]:
    """A service with something of every kind, and the receipt of one erasure."""
    service = Service(stack.url, next(found[1] for line in stack.lines if (found := re.search(r"(mlk_\S+)", line))))
    turns = [("user", KEPT, "maya"), ("tool", MOVED, "maya"), ("user", ERASED, "ben")]
    turns_of = [{"role": role, "content": text, "user_id": who, "conversation_id": who} for role, text, who in turns]
    service.post("/v1/messages/batch", messages=turns_of)
    service.post("/v1/ingest", user_id="maya", session_id="monday", role="user", content="I live in Austin.")
    service.until(lambda: service.get("/v1/facts/maya")["facts"])
    rule = {"rule_type": "custom", "conditions": {"role": ["tool"]}, "action": "move_to_cold_storage", "priority": 1}
    service.post("/v1/retention/rules", name="tool output", **rule)
    service.post("/v1/retention/execute", dry_run=False)
    service.until(lambda: not service.get("/v1/messages?role=tool")["items"])
    return service, service.post("/v1/retention/erase", user_id="ben")["receipt"]


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    folder = tmp_path_factory.mktemp("backup")
    (folder / "manage.py").symlink_to(settings.BASE_DIR / "manage.py")
    return Operator(folder)


@pytest.fixture(scope="module")
def before(operator: Operator) -> Before:
    """Backed up while it runs, then lost, then restored and found to be complete, by the document's commands."""
    save, count, restore, verify = scripts("On this machine (`make up`)")
    with operator.serves() as stack:
        service, receipt = filled(stack)
        operator.runs(save)
    data = operator.folder / ".memory"
    with embedded.lease(data, durable=False):  # else each command starts a server of its own
        operator.runs(count)
        known = Before(service.key, receipt, operator.asks(FORCED), operator.asks(ACCESS))
    shutil.rmtree(data)
    with embedded.lease(data, durable=False):
        operator.runs(restore)
        operator.runs(verify)
    return known


@pytest.fixture(scope="module")
def restored(operator: Operator, before: Before) -> Iterator[Service]:
    with operator.serves() as stack:
        yield Service(stack.url, before.key)


def test_rows_of_every_kind_were_counted(operator, before):
    counts = dict(line.split(",") for line in (operator.folder / "backup" / "counts.csv").read_text().splitlines())
    kinds = ["memories_message", "memories_embeddingwindow", "memories_posting", "memories_fact", "tenants_apikey"]
    kinds += ["tenants_auditevent", "retention_rule", "retention_coldfile", "retention_receipt", "auth_user"]
    assert {kind: counts[kind] for kind in kinds if counts[kind] == "0"} == {}


def test_the_rows_are_guarded_as_before(operator, before, restored):
    assert "memories_message" in before.forced
    assert operator.asks(FORCED) == before.forced
    assert operator.asks(ACCESS) == before.access


def test_its_login_sees_no_row_outside_of_a_scope(operator, restored):
    as_login = f"{PSQL} --username=memory_layer --command"
    assert operator.runs(f'{as_login} "SELECT count(*) FROM memories_message"').strip() == "0"
    counted = "BEGIN; SET LOCAL ROLE memory_maintenance; SELECT count(*) > 0 FROM memories_message; COMMIT"
    assert "t" in operator.runs(f'{as_login} "{counted}"').splitlines()


def test_a_search_finds_with_a_key_of_before(restored):
    (hit, *_) = restored.get("/v1/memory/search?query=boiler+repaired&user_id=maya")["items"]
    assert hit["content"] == KEPT


def test_the_facts_are_known(restored):
    assert restored.facts() == ["Lives in Austin."]


def test_what_is_new_is_stored_embedded_and_written_down(restored):
    stored = restored.post("/v1/messages", conversation_id="new", role="user", content="The first after the loss.")
    path = f"/v1/messages/{stored['id']}"
    restored.until(lambda: restored.get(path)["embedding_status"] == "completed")
    restored.post("/v1/api-keys", name="issued after the loss")
    assert restored.get("/v1/audit?limit=1")["items"][0]["action"] == "api_key.issued"


def test_a_receipt_of_before_is_genuine(operator, before, restored):
    (operator.folder / "receipt.json").write_text(json.dumps(before.receipt))
    assert "genuine" in operator.runs("python manage.py verify_receipt receipt.json")
    assert [one["id"] for one in restored.get("/v1/retention/receipts")["items"]] == [before.receipt["id"]]


def test_what_lay_in_cold_storage_comes_back(operator, restored):
    operator.runs("python manage.py restore_from_cold --all --tenant default")
    assert [one["content"] for one in restored.get("/v1/messages?role=tool")["items"]] == [MOVED]


def test_a_second_restore_changes_nothing(operator, restored):
    (again,) = (line for line in scripts("On this machine (`make up`)")[2].splitlines() if "pg_restore" in line)
    rows = operator.asks("SELECT count(*) FROM memories_message")
    refused = operator.tries(again)
    assert refused.returncode != 0
    assert "already exists" in refused.stderr
    assert operator.asks("SELECT count(*) FROM memories_message") == rows


def test_the_login_for_backups_can_take_one_and_the_services_own_cannot(operator, restored):
    section = DOCUMENT.split("\n### Servers of your own\n")[1]
    (roles,) = re.findall(r"^```sql\n(CREATE ROLE memory_backup.*?)^```", section, re.MULTILINE | re.DOTALL)
    operator.asks(roles)
    dump = "python -m memory_layer.embedded run .memory pg_dump --file=/dev/null"
    operator.runs(f"{dump} --username=memory_backup")
    refused = operator.tries(f"{dump} --username=memory_layer")
    assert "row-level security" in refused.stderr
