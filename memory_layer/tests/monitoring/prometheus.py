"""Prometheus and promtool, where they can be had, and a Prometheus that watches a service in small time."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import pytest
import requests
import yaml
from django.conf import settings

from memory_layer.running import free_port
from memory_layer.stack import wait_until_it_answers
from memory_layer.tests.monitoring.expressions import RULES

DURATION = r"(?:\d+[smhdwy])+"
SCRAPE = "3s"  # the API gives a server that does not answer two of them
FETCHED = settings.BASE_DIR / ".venv" / "prometheus"  # by the Makefile


def program(name: str) -> str:
    """Its path; skips the test where there is none."""
    found = shutil.which(name, path=f"{os.environ['PATH']}{os.pathsep}{FETCHED}")
    if found is None:
        pytest.skip(f"{name} is not on the PATH, and `make {FETCHED.relative_to(settings.BASE_DIR)}` had none")
    return found


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, timeout=120)


def in_small_time(text: str) -> str:
    """Rules or expressions that look at seconds where they looked at minutes, hours or days, and fire after one."""
    text = re.sub(rf"\[{DURATION}\]", "[10s]", text)
    text = re.sub(rf"\boffset {DURATION}\b", "offset 5s", text)
    return re.sub(rf"\bfor: {DURATION}\b", "for: 1s", text)


class Prometheus:
    """A real one, which scrapes `targets`, ports of this machine by the names of their jobs, every SCRAPE."""

    def __init__(self, folder: Path, targets: dict[str, int]) -> None:
        folder.mkdir()
        (folder / "alerts.yml").write_text(in_small_time(RULES.read_text()))
        (folder / "prometheus.yml").write_text(yaml.safe_dump(_configuration(targets)))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.since = time.time()
        self.log = folder / "log"
        command = [program("prometheus"), f"--config.file={folder / 'prometheus.yml'}", "--log.level=warn"]
        command += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def __enter__(self) -> Self:
        if not wait_until_it_answers(f"{self.url}/-/ready"):
            raise AssertionError(self.log.read_text())
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    def _get(self, path: str, **parameters: Any) -> Any:
        answer = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def firing(self) -> dict[str, dict[str, Any]]:
        """The alerts that fire, by name."""
        alerts = self._get("alerts")["alerts"]
        return {alert["labels"]["alertname"]: alert for alert in alerts if alert["state"] == "firing"}

    def ever(self, expression: str) -> bool:
        """Whether it had values (no "NaN") at any second since the start."""
        asked = {"query": expression, "start": self.since, "end": time.time(), "step": "1"}
        series = self._get("query_range", **asked)["result"]
        return any(value != "NaN" for one in series for _, value in one["values"])

    def value(self, expression: str) -> float | None:
        """Of the one series that it has now, if it has one."""
        result = self._get("query", query=expression)["result"]
        return float(result[0]["value"][1]) if result else None


def _configuration(targets: dict[str, int]) -> dict[str, Any]:
    """That of deploy/, but for where the parts are, and how often they are asked."""
    own: dict[str, Any] = yaml.safe_load(RULES.with_name("prometheus.yml").read_text())
    own["global"] = {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": "1s"}
    for scrape in own["scrape_configs"]:
        del scrape["dns_sd_configs"]
        scrape["static_configs"] = [{"targets": [f"127.0.0.1:{targets[scrape['job_name']]}"]}]
    return own
