"""The container files, as far as they can be judged without an engine to run them."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.apps import apps
from django.conf import settings
from django.core.management import get_commands
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

ROOT = settings.BASE_DIR
DOCKERFILE = (ROOT / "Dockerfile").read_text()
INSTRUCTIONS = re.sub(r"\\\n\s*", "", DOCKERFILE).splitlines()
RUNTIME = INSTRUCTIONS[max(number for number, line in enumerate(INSTRUCTIONS) if line.startswith("FROM ")) :]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)["services"]
OURS = ["migrate", "api", "worker", "fact-worker", "beat"]
MONITORING = ["prometheus", "grafana"]
SECRETS = {
    "MEMORY_SECRET_KEY": "a-secret-that-is-long-and-random",
    "MEMORY_API_KEYS": "one,two",
    "POSTGRES_PASSWORD": "secret",
}
VARIABLE = re.compile(r"\$\{(\w+):([-?])([^{}]*)\}")
PRINT_DEPLOYED = """
from memory_layer import environment
environment.read_dotenv = lambda path: None  # a developer's own
from memory_layer.settings import DEPLOYED
print(DEPLOYED)
"""


def interpolated(text: str, variables: dict[str, str]) -> str:
    """What compose makes of `${NAME:-default}` and `${NAME:?message}`."""
    return VARIABLE.sub(lambda found: variables.get(found[1]) or found[3], text)


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, **options)


def tool(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def test_the_dockerfile_has_no_lint():
    done = run(tool("hadolint"), "--failure-threshold", "style", "Dockerfile")
    assert done.returncode == 0, done.stdout


def test_the_compose_file_fits_its_schema():
    done = run(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    assert done.returncode == 0, done.stdout


def test_every_install_is_pinned_by_hashes():
    installs = [line.partition("pip install ")[2] for line in INSTRUCTIONS if "pip install " in line]
    assert len(installs) == 3
    assert all(options.startswith("--no-deps --require-hashes ") for options in installs)


def test_the_image_runs_as_an_ordinary_user_and_installs_nothing():
    users = [line for line in RUNTIME if line.startswith("USER ")]
    assert re.fullmatch(r"USER [1-9]\d*:[1-9]\d*", users[-1])
    assert not [line for line in RUNTIME if re.search(r"\b(pip|apt-get) ", line)]


def test_the_image_checks_its_health_and_starts_the_api():
    (health,) = (line for line in RUNTIME if line.startswith("HEALTHCHECK"))
    program, flag, code = json.loads(health.partition("CMD ")[2])
    assert (program, flag) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")
    assert RUNTIME[-2:] == ['ENTRYPOINT ["python", "manage.py"]', 'CMD ["api"]']


def test_the_image_contains_every_room_and_nothing_else():
    admitted = {line[1:].strip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    rooms = {Path(app.path).name for app in apps.get_app_configs() if Path(app.path).parent == ROOT}
    assert admitted == {"manage.py", "requirements/*.txt", *rooms}


@pytest.mark.parametrize("name", OURS)
def test_each_part_of_ours_runs_a_command_that_exists_without_privileges(name):
    service = SERVICES[name]
    assert service["command"][0] in get_commands()
    assert service["read_only"]
    assert service["init"]
    assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_image_floats(name):
    assert re.fullmatch(r"[\w./-]+:(?!latest)[\w.-]+", SERVICES[name]["image"])


@pytest.mark.parametrize("name", ["db", "redis", "worker", "fact-worker", "beat", *MONITORING])
def test_what_stays_up_has_a_health_check_and_is_started_again(name):
    assert SERVICES[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.django_db
@pytest.mark.parametrize(("minutes", "is_healthy"), [(4, True), (11, False)])
def test_beat_is_healthy_while_it_writes_down_what_it_runs(minutes, is_healthy):
    (query,) = re.findall(r'query = "(.*)"', SERVICES["beat"]["healthcheck"]["test"][-1])
    every = IntervalSchedule.objects.create(every=10, period=IntervalSchedule.SECONDS)
    last_run_at = timezone.now() - timedelta(minutes=minutes)
    PeriodicTask.objects.create(name="some", task="some", interval=every, last_run_at=last_run_at)
    with connection.cursor() as cursor:
        cursor.execute(query)
        assert cursor.fetchone() == (is_healthy,)


@pytest.mark.parametrize("name", ["api", "worker", "fact-worker", "beat"])
def test_our_parts_wait_for_servers_and_migrations(name):
    conditions = {needed: how["condition"] for needed, how in SERVICES[name]["depends_on"].items()}
    ended = "service_completed_successfully"
    assert conditions == {"db": "service_healthy", "redis": "service_healthy", "migrate": ended}


def test_the_api_and_what_shows_its_metrics_are_published_and_to_this_machine_alone():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    published = {name: [interpolated(port, {}) for port in of_service] for name, of_service in ports.items()}
    assert published == {
        "api": ["127.0.0.1:8000:8000"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


def test_monitoring_runs_when_it_is_asked_for_and_without_privileges():
    for name, service in SERVICES.items():
        assert service.get("profiles") == (["monitoring"] if name in MONITORING else None)
    for name in MONITORING:
        assert SERVICES[name]["read_only"]
        assert SERVICES[name]["cap_drop"] == ["ALL"]


def test_prometheus_scrapes_each_part_by_its_name_at_the_port_of_its_metrics():
    scrapes = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    lookups = {scrape["job_name"]: scrape["dns_sd_configs"] for scrape in scrapes}
    port = int(SERVICES["api"]["environment"]["MEMORY_METRICS_PORT"])
    parts = [name for name in OURS if name != "migrate"]
    assert lookups == {part: [{"names": [part], "type": "A", "port": port}] for part in parts}


@pytest.mark.parametrize("name", ["api", "worker", "fact-worker", "beat"])
def test_prometheus_shares_one_network_with_each_part(name):
    assert set(SERVICES[name]["networks"]) & set(SERVICES["prometheus"]["networks"]) == {"metrics"}


def test_the_metrics_are_on_no_published_port():
    assert not [port for port in SERVICES["api"]["ports"] if port.endswith(":9464")]


def test_what_monitoring_mounts_of_this_repository_is_there():
    mounts = [mount for name in MONITORING for mount in SERVICES[name]["volumes"] if mount.startswith("./")]
    assert mounts
    for source, _, mode in (mount.split(":") for mount in mounts):
        assert (ROOT / source).is_dir()
        assert mode == "ro"


@pytest.mark.parametrize(("password", "code"), [("", 2), ("secret", 0)])
def test_grafana_refuses_to_start_without_a_password(password, code):
    shell, flag, script = SERVICES["grafana"]["entrypoint"]
    script = script.replace("$$", "$").replace("exec /run.sh", "exec true")
    done = run(shell, flag, script, env={"PATH": os.environ["PATH"], "GF_SECURITY_ADMIN_PASSWORD": password})
    assert (done.returncode, "set GRAFANA_PASSWORD" in done.stderr) == (code, not password)


def test_postgresql_keeps_its_data_in_the_volume():
    assert SERVICES["db"]["volumes"] == ["postgres:/var/lib/postgresql"]


def test_no_secret_has_a_value_of_ours():
    found = {(name, kind) for name, kind, _ in VARIABLE.findall(COMPOSE_TEXT) if name in SECRETS}
    assert found == {(name, "?") for name in SECRETS}
    # Grafana refuses an empty one by itself: asked for here, it would be needed without the profile too.
    assert SERVICES["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == "${GRAFANA_PASSWORD:-}"


def test_env_example_names_what_the_compose_file_alone_reads():
    example = (ROOT / ".env.example").read_text()
    read = {name for name, _, _ in VARIABLE.findall(COMPOSE_TEXT.replace("$$", "")) if "MEMORY_" not in name}
    assert {name for name in read if f"\n#{name}=" in example} == read


def test_production_settings_accept_the_environment_of_the_compose_file():
    given = {name: interpolated(value, SECRETS) for name, value in SERVICES["api"]["environment"].items()}
    done = run(sys.executable, "-c", PRINT_DEPLOYED, env={"PATH": os.environ["PATH"], **given})
    assert done.stdout == "True\n", done.stderr


def test_production_settings_name_all_that_is_missing_at_once():
    environment = {"PATH": os.environ["PATH"], "MEMORY_ENVIRONMENT": "production"}
    environment |= dict.fromkeys(["MEMORY_DATABASE_URL", "MEMORY_REDIS_URL", *SECRETS], "")
    done = run(sys.executable, "manage.py", "api", env=environment)
    assert done.returncode == 1
    for name in ("MEMORY_API_KEYS", "MEMORY_SECRET_KEY", "MEMORY_DATABASE_URL", "MEMORY_REDIS_URL"):
        assert f"\n  {name}: " in done.stderr
    assert "Traceback" not in done.stderr
