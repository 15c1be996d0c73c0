"""The parts of a running service: their commands, their environment, and what a first start prepares."""

import os
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command

from memory_layer import embedded
from memory_layer.supervisor import python
from tenants import founding, keys
from tenants.authentication import DEFAULT_TENANT
from tenants.models import ApiKey, Scope

EMBEDDING, EXTRACTION = "embed,maintenance", "extract"
QUEUES = f"{EMBEDDING},{EXTRACTION}"
LOCAL_MODELS = ("sentence_transformer", "mock")
OPERATOR = "admin"


def api_threads() -> int:
    """Of each process: more only take turns where the model runs here; where a vendor embeds, requests wait for it."""
    return 4 if settings.MEMORY_EMBEDDING_PROVIDER in LOCAL_MODELS else 16


def api_command(*, workers: int = 1, threads: int | None = None) -> list[str]:
    """granian with blocking threads: measured against gunicorn in docs/adr/0003."""
    as_json = settings.MEMORY_LOG_FORMAT == "json"
    return python(
        *("-m", "granian", "memory_layer.wsgi:application", "--interface", "wsgi", "--no-ws"),
        *("--host", settings.MEMORY_HOST, "--port", str(settings.MEMORY_PORT)),
        *("--workers", str(workers), "--blocking-threads", str(threads or api_threads()), "--log-level", "error"),
        *(("--log-config", str(settings.BASE_DIR / "memory_layer" / "granian_log.json")) if as_json else ()),
        *("--respawn-failed-workers", "--workers-kill-timeout", "15"),
    )


def worker_command(*, queues: str = QUEUES, concurrency: int = 1) -> list[str]:
    return python(
        *("-m", "celery", "--app", "memory_layer", "--quiet", "worker", "--queues", queues),
        *("--concurrency", str(concurrency), "--loglevel", settings.MEMORY_LOG_LEVEL),
        *("--without-gossip", "--without-mingle"),
    )


def beat_command() -> list[str]:
    return python(
        "-m",
        "celery",
        "--app",
        "memory_layer",
        "--quiet",
        "beat",
        "--pidfile=",
        "--loglevel",
        settings.MEMORY_LOG_LEVEL,
    )


def environment() -> dict[str, str]:
    """What a child needs to find the very servers of this process, so that it leases none of its own."""
    urls = {"MEMORY_DATABASE_URL": settings.DATABASE_URL, "MEMORY_REDIS_URL": settings.REDIS_URL or ""}
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "memory_layer.settings", "PYTHONUNBUFFERED": "1", **urls}


def servers_kept(say: Callable[[str], object]) -> AbstractContextManager[None]:
    """Meanwhile, have the embedded servers started again when they die, where they are used."""
    uses = {"postgres": settings.EMBEDDED_POSTGRES, "redis": settings.EMBEDDED_REDIS}
    return embedded.kept(settings.MEMORY_DATA_DIR, **uses, say=say)


@dataclass(frozen=True)
class FirstSecrets:
    """Shown once, at the first start; None later."""

    api_key: str | None
    operator_password: str | None


def prepare() -> FirstSecrets:
    """Migrate; make the default tenant with a key, and an operator for the admin, unless there are any."""
    call_command("migrate", verbosity=0, interactive=False)
    tenant = founding.found_or_known(DEFAULT_TENANT)
    key = None if ApiKey.objects.exists() else keys.issue(tenant, name="first key", scopes=list(Scope))[1]
    password = None if User.objects.exists() else secrets.token_urlsafe(12)
    if password:
        User.objects.create_superuser(OPERATOR, password=password)
    return FirstSecrets(key, password)


def wait_until_it_answers(url: str, *, seconds: float = 60.0) -> bool:
    """Whether `url` answers 200 within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own address
                return bool(response.status == 200)
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    return False


def base_url() -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.MEMORY_HOST, settings.MEMORY_HOST)  # noqa: S104
    return f"http://{host}:{settings.MEMORY_PORT}"


def commands() -> Mapping[str, list[str]]:
    """A language model takes seconds to answer: reading has a worker of its own then, so that embedding goes on."""
    parts = {"api": api_command(), "worker": worker_command(), "beat": beat_command()}
    if settings.MEMORY_LLM_PROVIDER != "rules":
        parts |= {"worker": worker_command(queues=EMBEDDING), "fact-worker": worker_command(queues=EXTRACTION)}
    return parts
