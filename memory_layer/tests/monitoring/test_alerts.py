"""Each alert, in promtool's time: it fires when it should, it is silent when it should, and its runbook is there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from memory_layer.tests.monitoring.expressions import RULES, alerts
from memory_layer.tests.monitoring.prometheus import promtool

ALERTS = alerts()
HOUR = 60
OPERATIONS = (settings.BASE_DIR / "docs" / "operations.md").read_text()
TASKS = "celery_task_duration_seconds_count"
PENDING = f'{TASKS}{{task="memories.tasks.embed_pending"}}'
JOBS = f'{TASKS}{{task="memories.tasks.work_off_jobs"}}'
OPERATED = f'{TASKS}{{task="memories.tasks.work_off_operations"}}'
ROLLED_UP = f'{TASKS}{{task="memories.tasks.roll_up_usage"}}'


@dataclass(frozen=True)
class Case:
    """Samples of each series, one a minute, in promtool's short form (`0+1x9`: 0, 1, … 9); and the minute to look."""

    fires: dict[str, str]
    silent: dict[str, str] = field(default_factory=dict)
    at: int = 45


def requests(*, failed: int) -> dict[str, str]:
    """A hundred requests a minute, of which so many fail."""
    return {
        'http_requests_total{status="200"}': f"0+{100 - failed}x60",
        'http_requests_total{status="503"}': f"0+{failed}x60",
    }


def searches(*, within_a_second: int) -> dict[str, str]:
    """A hundred a minute, of which so many take no longer than one second, and all no longer than five."""
    return {
        'memory_search_duration_seconds_bucket{le="1.0"}': f"0+{within_a_second}x60",
        'memory_search_duration_seconds_bucket{le="5.0"}': "0+100x60",
        'memory_search_duration_seconds_bucket{le="+Inf"}': "0+100x60",
    }


def degraded(count: int) -> dict[str, str]:
    return {
        'memory_searches_total{degraded="true"}': f"0+{count}x60",
        'memory_searches_total{degraded="false"}': f"0+{100 - count}x60",
    }


def offered(*, behind: int) -> dict[str, str]:
    """A hundred reads a minute, for so many of which the replica is behind."""
    name = "database_replica_reads_total"
    return {f'{name}{{outcome="behind"}}': f"0+{behind}x60", f'{name}{{outcome="read"}}': f"0+{100 - behind}x60"}


def refused(count: int) -> dict[str, str]:
    return {"http_requests_total": "0+100x60", 'rate_limit_hits_total{kind="tenant"}': f"0+{count}x60"}


def attempts(*, failed: int) -> dict[str, str]:
    name = "provider_request_duration_seconds_count"
    return {
        f'{name}{{vendor="OpenAI",outcome="ok"}}': f"0+{100 - failed}x60",
        f'{name}{{vendor="OpenAI",outcome="unavailable"}}': f"0+{failed}x60",
    }


def queue(name: str, length: str) -> dict[str, str]:
    return {f'celery_queue_length{{queue="{name}"}}': length}


CASES = {
    "ApiDown": Case(
        fires={'up{job="api",instance="a"}': "1x20 0x40"},
        silent={'up{job="api",instance="a"}': "1x60", 'up{job="api",instance="b"}': "0x60"},
    ),
    "PartDown": Case(fires={'up{job="worker"}': "1x20 0x40"}, silent={'up{job="worker"}': "1x40 0x3"}, at=43),
    "ErrorsHigh": Case(fires=requests(failed=6), silent=requests(failed=4)),
    "SearchesSlow": Case(fires=searches(within_a_second=94), silent=searches(within_a_second=96)),
    "SearchesDegraded": Case(fires=degraded(11), silent=degraded(9)),
    "DatabaseDown": Case(
        fires={'database_up{instance="a"}': "1x60", 'database_up{instance="b"}': "0x60"},
        silent={"database_up": "1x60"},
    ),
    "RedisDown": Case(fires={"redis_up": "0x60"}, silent={"redis_up": "1x60"}),
    "BrokerDown": Case(fires={"broker_up": "0x60"}, silent={"broker_up": "1x60"}),
    "DatabasePoolExhausted": Case(
        fires={'database_pool_waiting{instance="a"}': "2x60"},
        silent={'database_pool_waiting{instance="a"}': "0x43 5x20"},
    ),
    "ReplicaLost": Case(
        fires={'database_replica_up{replica="replica-1"}': "0x60", 'database_replica_up{replica="replica-2"}': "1x60"},
        silent={"database_replica_up": "1x42 0x3 1x20"},
    ),
    "ReplicaBehind": Case(fires=offered(behind=51), silent=offered(behind=49)),
    "RateLimitRefusesMuch": Case(fires=refused(21), silent=refused(19)),
    "EmbeddingLate": Case(
        fires={"embedding_oldest_pending_seconds": "0+60x60"}, silent={"embedding_oldest_pending_seconds": "299x60"}
    ),
    "EmbeddingBacklogGrows": Case(fires={"embedding_backlog": "0+50x60"}, silent={"embedding_backlog": "5000-50x60"}),
    "EmbeddingFailed": Case(fires={"embedding_failed": "0x20 1x40"}, silent={"embedding_failed": "0x60"}),
    "ProviderPaused": Case(
        fires={'provider_circuit_open{vendor="OpenAI"}': "2x60"},
        silent={'provider_circuit_open{vendor="OpenAI"}': "0x60"},
    ),
    "ProviderFails": Case(fires=attempts(failed=26), silent=attempts(failed=24)),
    "EmbeddingWorkerStopped": Case(
        fires={PENDING: "0+6x20 120x40", **queue("embed", "0x20 0+6x40")},
        silent={PENDING: "0+6x60", **queue("embed", "3x60")},
    ),
    "FactWorkerStopped": Case(
        fires={JOBS: "0+6x20 120x40", **queue("extract", "0x20 0+6x40")},
        silent={JOBS: "0+6x60", **queue("extract", "3x60")},
    ),
    "MaintenanceWorkerStopped": Case(
        fires={OPERATED: "0+6x20 120x40", **queue("maintenance", "0x20 0+7x40")},
        silent={OPERATED: "0+6x60", **queue("maintenance", "3x60")},
    ),
    "BeatStopped": Case(
        fires={ROLLED_UP: "0+1x20 20x40", **queue("maintenance", "0x60")},
        silent={ROLLED_UP: "0+1x20 20x40", **queue("maintenance", "0x20 1+1x40")},
    ),
    "QueueDeep": Case(fires=queue("extract", "101x60"), silent=queue("extract", "99x60")),
    "TasksFail": Case(
        fires={f'{TASKS}{{task="some",outcome="failure"}}': "0+1x60"},
        silent={
            f'{TASKS}{{task="some",outcome="success"}}': "0+6x60",
            f'{TASKS}{{task="some",outcome="failure"}}': "3x60",
        },
    ),
    "JobsFailed": Case(fires={'jobs_failed{kind="extract"}': "1x60"}, silent={'jobs_failed{kind="extract"}': "0x60"}),
    "RetentionFailed": Case(
        fires={'retention_runs_total{status="failed"}': "0x20 1x40"},
        silent={'retention_runs_total{status="failed"}': "1x60", 'retention_runs_total{status="completed"}': "0+1x60"},
    ),
    "RetentionNotRun": Case(
        fires={"tenants_total": "3x1700", "retention_runs_total": "7x1700"},
        silent={"tenants_total": "3x1700", "retention_runs_total": "7x100 8x1600"},
        at=1670,
    ),
    "RetentionStuck": Case(
        fires={"retention_runs_running": "1x400"}, silent={"retention_runs_running": "1x200 0x20 1x180"}, at=370
    ),
    "TokenCostHigh": Case(
        fires={"llm_cost_dollars_total": "0+0.02x1500"}, silent={"llm_cost_dollars_total": "0+0.01x1500"}, at=1450
    ),
}
# A missing series is the clearest sign of all.
ABSENT = {
    "ApiDown": Case(fires={}),
    "EmbeddingWorkerStopped": Case(fires=queue("embed", "5x60")),
    "FactWorkerStopped": Case(fires=queue("extract", "5x60")),
    "MaintenanceWorkerStopped": Case(fires=queue("maintenance", "5x60")),
    "BeatStopped": Case(fires=queue("maintenance", "0x60")),
}


def verdict(folder: Path, cases: Mapping[str, Case], *, fires: bool) -> str:
    """What promtool has against it that these do fire, or do not; empty if nothing."""
    tests: dict[str, list[dict[str, Any]]] = {"1m": [], "10m": []}
    for name, case in cases.items():
        series = case.fires if fires else case.silent
        tests["1m" if case.at < HOUR else "10m"].append(group(name, series, at=f"{case.at}m", fires=fires))
    for step, groups in tests.items():
        content = {"rule_files": [str(RULES)], "evaluation_interval": step, "tests": groups}
        (folder / f"{step}.yml").write_text(yaml.safe_dump(content))
    done = promtool("test", "rules", *(folder / f"{step}.yml" for step in tests))
    return "" if done.returncode == 0 else done.stdout + done.stderr


def group(name: str, series: dict[str, str], *, at: str, fires: bool) -> dict[str, Any]:
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1}] if fires else []
    asked = f'count by (alertname) (ALERTS{{alertstate="firing",alertname="{name}"}} == 1)'
    return {
        "interval": "1m",
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "promql_expr_test": [{"expr": asked, "eval_time": at, "exp_samples": expected}],
    }


def test_promtool_finds_nothing_wrong():
    done = promtool("check", "config", "--lint=all", "--lint-fatal", RULES.with_name("prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_its_case():
    assert set(CASES) == set(ALERTS)


@pytest.mark.parametrize("cases", [CASES, ABSENT], ids=["the fault shows", "nothing shows any more"])
def test_each_alert_fires(tmp_path, cases):
    assert verdict(tmp_path, cases, fires=True) == ""


def test_each_alert_is_silent_while_its_fault_is_small_short_or_past(tmp_path):
    assert verdict(tmp_path, CASES, fires=False) == ""


@pytest.mark.parametrize("fires", [True, False])
def test_promtool_would_say_so_if_it_were_not_so(tmp_path, fires):
    case = Case(fires={"redis_up": "1x60"}, silent={"redis_up": "0x60"})
    assert "ALERTS" in verdict(tmp_path, {"RedisDown": case}, fires=fires)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_what_it_is_and_what_to_do(name):
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert {"summary", "description", "runbook_url"} == set(rule["annotations"])
    assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{name.lower()}"
    assert f"\n### {name}\n" in OPERATIONS


def test_the_runbook_has_no_alert_that_is_gone():
    section = OPERATIONS.partition("\n## Alerts\n")[2].partition("\n## ")[0]
    assert re.findall(r"^### (\w+)$", section, re.MULTILINE) == list(ALERTS)
