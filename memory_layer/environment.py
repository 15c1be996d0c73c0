"""Parsers and cross-checks of the MEMORY_* variables; `settings.py` names them and gives their defaults."""

import json
import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv
from environs import Env, EnvError, EnvValidationError

from tenants import rates

INSECURE_SECRET_KEY = "insecure-key-for-local-use-only-never-in-production"  # noqa: S105 - refused in production
DEPLOYED = ("staging", "production")
ENVIRONMENTS = ("local", "test", *DEPLOYED)
SECRET_KEY_LENGTH = 32
SECRET_KEY_VARIETY = 8
EMBEDDING_BACKENDS = ("int8", "float32", "torch")
EMBEDDING_PROVIDERS = ("sentence_transformer", "google_gemini", "openai", "mock")
LLM_PROVIDERS = ("rules", "openai", "anthropic", "gemini", "openrouter")
COLD_STORAGE = "retention.storage.PrivateFileSystemStorage"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
BLANK_MEANS_OFF = {"MEMORY_GLOBAL_RATE_LIMIT", "MEMORY_TENANT_RATE_LIMIT", "MEMORY_USER_KEY_RATE_LIMIT"}


class Environment(Env):
    """`environs.Env` that collects every mistake, knows our value types and takes an empty variable as unset."""

    def __init__(self) -> None:
        super().__init__(eager=False)
        for parser in (
            names, rate, weights, json_object, installed_class, database_url, database_urls, redis_url, broker_url,
        ):  # fmt: skip
            self.add_parser(parser.__name__, parser)

    def _get_value(self, env_key: str, default: Any) -> Any:
        value = os.environ.get(env_key)
        if value is None or (not value.strip() and env_key not in BLANK_MEANS_OFF):
            return default
        return value.strip()

    def finish(self, *, unsafe: list[str]) -> None:
        """Raise one `ImproperlyConfigured` with every bad value met so far and every `unsafe` combination."""
        problems = unsafe
        try:
            self.seal()
        except EnvValidationError as error:
            messages = cast("Mapping[str, list[str]]", error.error_messages)
            bad_values = [f"{name}: {' '.join(why)}" for name, why in messages.items()]
            problems = bad_values + unsafe
        if problems:
            raise ImproperlyConfigured("\n  ".join(["the environment variables do not fit:", *problems]))


def read_dotenv(path: Path) -> None:
    """Load `.env`; variables that are set already win. Tests never read a developer's file."""
    if os.environ.get("MEMORY_ENVIRONMENT") != "test":
        load_dotenv(path)  # environs' own `read_env` fills a copy that neither Django nor the vendors' SDKs see


def unsafe(values: Mapping[str, Any]) -> list[str]:
    """What keeps these settings from being deployed; a value that could not be read counts as not set."""
    problems = {
        "MEMORY_API_KEYS: at least one deployment key is needed.": not values["MEMORY_API_KEYS"],
        "MEMORY_REQUIRE_API_KEY: the API may be open in local and test only.": not values["MEMORY_REQUIRE_API_KEY"],
        "MEMORY_SECRET_KEY: set a long random one of your own.": _is_guessable(values["MEMORY_SECRET_KEY"]),
        "MEMORY_SECRET_KEY_FALLBACKS: leave out what others can guess.": any(
            _is_guessable(secret) for secret in values["MEMORY_SECRET_KEY_FALLBACKS"] or ()
        ),
        "MEMORY_DEBUG: must be off.": values["MEMORY_DEBUG"],
        "MEMORY_ALLOWED_ORIGINS: name the origins, `*` is refused.": "*" in (values["MEMORY_ALLOWED_ORIGINS"] or ()),
        "MEMORY_DATABASE_URL: needed, the embedded PostgreSQL is for local use.": not values["MEMORY_DATABASE_URL"],
        "MEMORY_REDIS_URL: needed (MEMORY_REQUIRE_REDIS_IN_PRODUCTION).": not values["MEMORY_REDIS_URL"]
        and values["MEMORY_REQUIRE_REDIS_IN_PRODUCTION"],
    }
    return [problem for problem, present in problems.items() if present]


def _is_guessable(secret: str) -> bool:
    return secret == INSECURE_SECRET_KEY or len(secret) < SECRET_KEY_LENGTH or len(set(secret)) < SECRET_KEY_VARIETY


def names(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def rate(value: str) -> str | None:
    try:
        return rates.parse(value)
    except ValueError as error:
        raise EnvError(str(error)) from None


def weights(value: str, *, defaults: dict[str, float]) -> dict[str, float]:
    """`name:number,…` over `defaults`; names left out keep their default, unknown names are refused."""
    try:
        given = {name.strip(): float(number) for name, number in (part.split(":") for part in names(value))}
    except ValueError:
        given = {"?": 0.0}
    result = defaults | given
    if (
        result.keys() != defaults.keys()
        or not all(0 <= number <= 1000 for number in result.values())
        or not any(result.values())
    ):
        example = ",".join(f"{name}:{number}" for name, number in defaults.items())
        raise EnvError(f"Expected name:number pairs, none negative and not all 0, such as {example}.")
    return result


def json_object(value: str) -> dict[str, Any]:
    try:
        result = json.loads(value)
    except ValueError:
        result = None
    if not isinstance(result, dict):
        raise EnvError('Expected a JSON object, such as {"bucket_name": "memories"}.')
    return result


def installed_class(value: str) -> str:
    """A dotted name whose module is there. It is not imported yet: it may ask for the settings."""
    module, _, name = value.rpartition(".")
    try:
        is_there = bool(module and name.isidentifier() and find_spec(module))
    except (ImportError, ValueError):
        is_there = False
    if not is_there:
        raise EnvError("Expected a class in an installed package, such as storages.backends.s3.S3Storage.")
    return value


def database_url(value: str | None) -> str | None:
    """SQLAlchemy's driver spellings (`postgresql+asyncpg://`) become plain `postgresql://`."""
    return value and _url(re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", value), "postgresql")


def database_urls(value: str) -> list[str]:
    return [str(database_url(part)) for part in names(value)]


def redis_url(value: str | None) -> str | None:
    return value and _url(value, "redis", "rediss", "unix")


def broker_url(value: str | None) -> str | None:
    return value and _url(value, "redis", "rediss", "redis+socket", "amqp", "amqps", "memory")


def _url(value: str, *schemes: str) -> str:
    scheme, separator, rest = value.partition("://")
    if not separator or not rest or scheme not in schemes:
        raise EnvError(f"Expected a URL that starts with {' or '.join(f'{name}://' for name in schemes)}.")
    return value
