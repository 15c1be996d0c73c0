"""`manage.py check --deploy`: what would keep a deployment from starting, and what weakens one."""

import os
import subprocess
import sys

import pytest
from django.conf import settings as project
from django.core.checks import Tags
from django.core.management import CommandError, call_command

from memory_layer.checks import unsafe_settings, weak_settings

MANAGE = "from memory_layer import environment; environment.read_dotenv = lambda _: None; import manage; manage.main()"
KEY = "a-deployment-key-of-forty-characters-abc"
SAFE = {
    "MEMORY_ENVIRONMENT": "production",
    "MEMORY_API_KEYS": [KEY],
    "MEMORY_SECRET_KEY": "a-secret-of-our-own-that-is-long-and-random",
    "MEMORY_DATABASE_URL": "postgresql://memory:memory@db/memory",
    "MEMORY_REDIS_URL": "redis://redis:6379/0",
    "MEMORY_HSTS_SECONDS": 31_536_000,
    "MEMORY_ALLOWED_HOSTS": ["memory.example"],
}
UNSAFE = [
    ("MEMORY_API_KEYS", []),
    ("MEMORY_REQUIRE_API_KEY", False),
    ("MEMORY_SECRET_KEY", "insecure-key-for-local-use-only-never-in-production"),
    ("MEMORY_SECRET_KEY", "short-secret"),
    ("MEMORY_SECRET_KEY", "abababababababababababababababababababab"),
    ("MEMORY_SECRET_KEY_FALLBACKS", ["a-secret-of-before-that-is-long-and-random", "short-secret"]),
    ("MEMORY_DEBUG", True),
    ("MEMORY_ALLOWED_ORIGINS", ["*"]),
    ("MEMORY_DATABASE_URL", None),
    ("MEMORY_REDIS_URL", None),
]
WEAK = [
    ("MEMORY_ENVIRONMENT", "local"),
    ("MEMORY_HSTS_SECONDS", 0),
    ("MEMORY_ALLOWED_HOSTS", ["*"]),
    ("MEMORY_API_KEYS", [KEY, "short"]),
]


@pytest.fixture
def production(settings):
    for name, value in SAFE.items():
        setattr(settings, name, value)
    return settings


def check_deploy(**options) -> None:
    call_command("check", deploy=True, tags=[Tags.security], **options)


def test_a_safe_production_is_clean(production, capsys):
    check_deploy(fail_level="WARNING")
    assert capsys.readouterr().out.startswith("System check identified no issues")


def manage_check(**variables: str) -> subprocess.CompletedProcess[str]:
    """`manage.py check --deploy` of a fresh process under these variables alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMORY_")}
    environment = {**kept, "DJANGO_SETTINGS_MODULE": "memory_layer.settings", **variables}
    command = [sys.executable, "-c", MANAGE, "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(command, env=environment, cwd=project.BASE_DIR, capture_output=True, text=True)


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_settings_of_a_deployment_are_clean_as_a_whole(environment):
    strings = {name: str(SAFE[name]) for name in ("MEMORY_SECRET_KEY", "MEMORY_DATABASE_URL", "MEMORY_REDIS_URL")}
    done = manage_check(MEMORY_ENVIRONMENT=environment, MEMORY_API_KEYS=KEY, **strings)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize(("name", "value"), UNSAFE)
def test_what_would_not_start_fails_the_check_by_its_name(production, name, value):
    setattr(production, name, value)
    with pytest.raises(CommandError, match=rf"memory_layer.E001\) {name}: "):
        check_deploy()


@pytest.mark.parametrize(("name", "value"), WEAK)
def test_what_is_weak_is_warned_of_by_its_name(production, name, value):
    setattr(production, name, value)
    (warning,) = weak_settings()
    assert warning.msg.startswith(f"{name}: ")
    assert unsafe_settings() == []


def test_a_local_service_is_told_all_that_a_deployment_needs(settings):
    settings.MEMORY_SECRET_KEY = "insecure-key-for-local-use-only-never-in-production"
    settings.MEMORY_API_KEYS = []
    with pytest.raises(CommandError) as refusal:
        check_deploy()
    for name in ("API_KEYS", "SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ENVIRONMENT"):
        assert f"MEMORY_{name}: " in str(refusal.value)


def test_without_deploy_a_local_service_hears_nothing_of_it(capsys):
    call_command("check", fail_level="WARNING")
    assert "no issues" in capsys.readouterr().out
