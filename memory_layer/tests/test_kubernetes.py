"""deploy/kubernetes, as far as it can be judged without a cluster."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class

from memory_layer.stack import QUEUES
from memory_layer.tests.test_containers import DOCKERFILE, PRINT_DEPLOYED

FOLDER = settings.BASE_DIR / "deploy" / "kubernetes"
EXAMPLE = (settings.BASE_DIR / ".env.example").read_text()
OLDEST = "1.30"  # as kustomization.yaml says
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OBJECTS: list[dict[str, Any]] = [
    one for name in KUSTOMIZATION["resources"] for one in yaml.safe_load_all((FOLDER / name).read_text())
]
NAMED = {f"{one['kind']} {one['metadata']['name']}": one for one in OBJECTS}
PODS = {name: one["spec"]["template"] for name, one in NAMED.items() if one["kind"] in ("Deployment", "Job")}
CONTAINERS = {name: pod["spec"]["containers"][0] for name, pod in PODS.items()}
STAYING = [name for name in PODS if name.startswith("Deployment")]


def variables(name: str) -> dict[str, str]:
    """The settings of a file such as settings.env."""
    lines = [line for line in (FOLDER / name).read_text().splitlines() if not line.startswith("#")]
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


def labels(pod: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = pod["metadata"]["labels"]
    return found


def chosen(selector: dict[str, str]) -> list[str]:
    return [name for name, pod in PODS.items() if selector.items() <= labels(pod).items()]


def ports(container: dict[str, Any]) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in container.get("ports", [])}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_each_object_fits_the_schema_of_old_and_new_versions(name, version):
    kubernetes_validate.validate(NAMED[name], version, strict=True)


def test_every_file_is_applied():
    there = {path.name for path in FOLDER.glob("*.yaml")}
    assert there == {*KUSTOMIZATION["resources"], "kustomization.yaml"}
    component = yaml.safe_load((FOLDER / "monitoring" / "kustomization.yaml").read_text())
    assert [path.name for path in (FOLDER / "monitoring").glob("*.yaml") if path.name in component["resources"]]


def test_kustomize_builds_it():
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not on the PATH")
    built = subprocess.run([kubectl, "kustomize", FOLDER], capture_output=True, text=True, check=True, timeout=60)
    objects = list(yaml.safe_load_all(built.stdout))
    assert len(objects) == len(OBJECTS) + 1  # the settings
    used = {one["spec"]["template"]["spec"]["containers"][0]["image"] for one in objects if "template" in str(one)}
    assert used == {f"memory-layer:{KUSTOMIZATION['images'][0]['newTag']}"}


@pytest.mark.parametrize("file", ["settings.env", "secrets.example.env"])
def test_every_setting_is_one_of_ours(file):
    assert variables(file)
    assert [name for name in variables(file) if f"\n#{name}=" not in EXAMPLE] == []


def test_no_secret_has_a_value_of_ours():
    secrets = variables("secrets.example.env")
    assert (secrets["MEMORY_SECRET_KEY"], secrets["MEMORY_API_KEYS"]) == ("", "")
    assert not [name for name in variables("settings.env") if "KEY" in name or name.endswith("_URL")]


def test_production_settings_accept_them():
    secrets = {"MEMORY_SECRET_KEY": "a-secret-that-is-long-and-random", "MEMORY_API_KEYS": "one,two"}
    given = {**variables("settings.env"), **variables("secrets.example.env"), **secrets}
    environment = {"PATH": os.environ["PATH"], **given}
    done = subprocess.run(
        [sys.executable, "-c", PRINT_DEPLOYED], env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True
    )
    assert done.stdout == "True\n", done.stderr


@pytest.mark.parametrize("name", PODS)
def test_each_pod_runs_a_command_that_exists_with_options_that_it_knows(name):
    command, *options = CONTAINERS[name]["args"]
    parser = load_command_class(get_commands()[command], command).create_parser("manage.py", command)
    parser.parse_args(options)


@pytest.mark.parametrize("name", PODS)
def test_each_pod_gets_settings_and_secrets_and_nothing_of_the_cluster(name):
    sources = [source for one in CONTAINERS[name]["envFrom"] for source in one.items()]
    assert sources == [("configMapRef", {"name": "memory-settings"}), ("secretRef", {"name": "memory-secrets"})]
    assert PODS[name]["spec"]["enableServiceLinks"] is False
    assert PODS[name]["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("name", PODS)
def test_each_pod_is_without_privileges(name):
    user = PODS[name]["spec"]["securityContext"]
    assert user["runAsNonRoot"]
    assert f"USER {user['runAsUser']}:{user['runAsGroup']}" in DOCKERFILE
    own = CONTAINERS[name]["securityContext"]
    assert own["readOnlyRootFilesystem"]
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert not own["allowPrivilegeEscalation"]


@pytest.mark.parametrize("name", PODS)
def test_each_pod_says_what_it_takes(name):
    resources = CONTAINERS[name]["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert set(resources["limits"]) == {"memory"}


@pytest.mark.parametrize("name", PODS)
def test_what_a_container_mounts_is_there(name):
    mounted = {mount["name"] for mount in CONTAINERS[name]["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in PODS[name]["spec"]["volumes"]}
    claims = {volume["persistentVolumeClaim"]["claimName"] for volume in volumes.values() if "emptyDir" not in volume}
    assert mounted == set(volumes)
    assert all(f"PersistentVolumeClaim {claim}" in NAMED for claim in claims)


@pytest.mark.parametrize("name", STAYING)
def test_what_stays_up_is_looked_after(name):
    assert "livenessProbe" in CONTAINERS[name]
    assert NAMED[name]["spec"]["selector"]["matchLabels"] == labels(PODS[name])


@pytest.mark.parametrize("name", STAYING)
def test_what_stays_up_shows_its_metrics_at_the_port_of_the_settings(name):
    assert ports(CONTAINERS[name])["metrics"] == int(variables("settings.env")["MEMORY_METRICS_PORT"])


def test_the_workers_have_every_queue_once():
    queues = [CONTAINERS[name]["args"][-1] for name in STAYING if CONTAINERS[name]["args"][0] == "worker"]
    assert sorted(queues) == sorted(QUEUES.split(","))


def test_of_beat_there_is_one_at_a_time():
    beat = NAMED["Deployment memory-beat"]["spec"]
    assert (beat["replicas"], beat["strategy"]) == (1, {"type": "Recreate"})


def test_the_api_has_the_time_to_finish_what_it_began():
    spec, container = PODS["Deployment memory-api"]["spec"], CONTAINERS["Deployment memory-api"]
    leaving = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] > leaving + settings.MEMORY_REQUEST_TIMEOUT_SECONDS


def test_probes_ask_addresses_of_ours_under_a_name_that_is_allowed(client):
    container = CONTAINERS["Deployment memory-api"]
    assert container["startupProbe"]["httpGet"]["path"] == "/v1/admin/readiness"
    (header,) = container["startupProbe"]["httpGet"]["httpHeaders"]
    assert header["value"] in variables("settings.env")["MEMORY_ALLOWED_HOSTS"].split(",")
    for probe in ("readinessProbe", "livenessProbe"):
        assert client.get(container[probe]["httpGet"]["path"]).status_code == 200


@pytest.mark.parametrize("kind", ["HorizontalPodAutoscaler", "PodDisruptionBudget", "Service", "Ingress"])
def test_what_points_at_something_points_at_what_is_there(kind):
    for one in (one for one in OBJECTS if one["kind"] == kind):
        spec = one["spec"]
        if kind == "HorizontalPodAutoscaler":
            assert f"Deployment {spec['scaleTargetRef']['name']}" in NAMED
            assert "replicas" not in NAMED[f"Deployment {spec['scaleTargetRef']['name']}"]["spec"]
        elif kind == "PodDisruptionBudget":
            assert chosen(spec["selector"]["matchLabels"])
        elif kind == "Service":
            (name,) = chosen(spec["selector"])
            assert {port["targetPort"] for port in spec["ports"]} <= set(ports(CONTAINERS[name]))
        else:
            service = spec["rules"][0]["http"]["paths"][0]["backend"]["service"]
            assert service["port"]["name"] in {
                port["name"] for port in NAMED[f"Service {service['name']}"]["spec"]["ports"]
            }


def test_the_host_of_the_ingress_is_allowed():
    host = NAMED["Ingress memory-api"]["spec"]["rules"][0]["host"]
    assert host in variables("settings.env")["MEMORY_ALLOWED_HOSTS"].split(",")
    assert NAMED["Ingress memory-api"]["spec"]["tls"][0]["hosts"] == [host]


def test_every_part_is_scraped():
    (monitor,) = yaml.safe_load_all((FOLDER / "monitoring" / "pods.yaml").read_text())
    (names,) = monitor["spec"]["selector"]["matchExpressions"]
    assert sorted(names["values"]) == sorted(name.partition(" ")[2] for name in STAYING)


def test_the_example_of_secrets_is_ignored_where_it_is_filled_in():
    ignored = (settings.BASE_DIR / ".gitignore").read_text().splitlines()
    assert f"/{Path('deploy/kubernetes/secrets.env')}" in ignored
