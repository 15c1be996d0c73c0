"""The environment variables: every mistake is reported at once, unsafe deployments do not start."""

import os
import subprocess
import sys
from pathlib import PosixPath

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from environs import EnvError

from memory_layer import environment

LOAD = (
    "from memory_layer import environment; environment.read_dotenv = lambda _: None; from memory_layer import settings"
)
SAFE = {
    "MEMORY_ENVIRONMENT": "production",
    "MEMORY_API_KEYS": "one,two",
    "MEMORY_SECRET_KEY": "a-secret-of-our-own-that-is-long-and-random",
    "MEMORY_DATABASE_URL": "postgresql+asyncpg://memory:memory@db/memory",
    "MEMORY_REDIS_URL": "redis://redis:6379/0",
}


def load(*prints: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A fresh process that reads the settings under these variables alone, and prints some of them."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MEMORY_")}
    code = "; ".join([LOAD, *(f"print(settings.{name})" for name in prints)])
    return subprocess.run(
        [sys.executable, "-c", code],
        env=clean | variables,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_bad_value_is_reported_at_once():
    bad = {
        "MEMORY_ENVIRONMENT": "moon", "MEMORY_PORT": "0", "MEMORY_DEBUG": "maybe", "MEMORY_LOG_LEVEL": "LOUD",
        "MEMORY_DATABASE_URL": "mysql://x/y", "MEMORY_REDIS_URL": "http://x", "MEMORY_CELERY_BROKER_URL": "x",
        "MEMORY_EMBEDDING_PROVIDER": "oracle", "MEMORY_EMBEDDING_DIMENSIONS": "many", "MEMORY_REQUIRE_API_KEY": "yess",
        "MEMORY_TENANT_RATE_LIMIT": "often", "MEMORY_REQUEST_MAX_BYTES": "12", "MEMORY_IMPORTANCE_WEIGHTS": "luck:1",
        "MEMORY_RANKING_WEIGHTS": "semantic:-1", "MEMORY_RETENTION_IMPORTANCE_THRESHOLD": "2",
        "MEMORY_READ_REPLICA_URLS": "postgresql://a/b,ftp://c/d", "MEMORY_CACHE_SEARCH_TTL_SECONDS": "-1",
        "MEMORY_COLD_STORAGE_BACKEND": "nowhere.Storage", "MEMORY_COLD_STORAGE_OPTIONS": "[]",
    }  # fmt: skip
    done = load(**bad)
    report = done.stderr.rsplit("ImproperlyConfigured: ", 1)[1]
    assert done.returncode != 0
    assert {line.split(":")[0].strip() for line in report.splitlines()[1:] if line.strip()} == set(bad)


def test_an_unsafe_production_says_all_that_is_unsafe():
    done = load(
        MEMORY_ENVIRONMENT="production", MEMORY_DEBUG="true", MEMORY_REQUIRE_API_KEY="false", MEMORY_ALLOWED_ORIGINS="*"
    )
    assert done.returncode != 0
    for name in (
        "API_KEYS", "REQUIRE_API_KEY", "SECRET_KEY", "DEBUG", "ALLOWED_ORIGINS", "DATABASE_URL", "REDIS_URL",
    ):  # fmt: skip
        assert f"MEMORY_{name}: " in done.stderr


def test_staging_is_held_to_the_same():
    assert "MEMORY_SECRET_KEY: set a long random one of your own." in load(MEMORY_ENVIRONMENT="staging").stderr


@pytest.mark.parametrize("missing", ["MEMORY_API_KEYS", "MEMORY_SECRET_KEY", "MEMORY_DATABASE_URL", "MEMORY_REDIS_URL"])
def test_each_is_needed_in_production(missing):
    done = load(**{name: value for name, value in SAFE.items() if name != missing})
    assert done.returncode != 0
    assert f"{missing}: " in done.stderr


def test_a_safe_production_starts_and_hides_nothing_behind_embedded_servers():
    done = load(
        "MEMORY_API_KEYS", "DATABASES['default']['HOST']", "EMBEDDED_POSTGRES", "EMBEDDED_REDIS", "DEBUG", **SAFE
    )
    assert (done.stdout.splitlines(), done.returncode) == (["['one', 'two']", "db", "False", "False", "False"], 0), (
        done.stderr
    )


def test_a_production_keeps_browsers_to_tls_and_cookies_too():
    names = ("SECURE_HSTS_SECONDS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_PROXY_SSL_HEADER")
    done = load(*names, **SAFE)
    assert done.stdout.split() == ["31536000", "True", "True", "None"], done.stderr
    assert load(*names).stdout.split() == ["0", "False", "False", "None"]


def test_a_trusted_proxy_is_believed_that_tls_ended_there():
    done = load("SECURE_PROXY_SSL_HEADER", MEMORY_TRUSTED_PROXY_HOPS="1")
    assert done.stdout.strip() == "('HTTP_X_FORWARDED_PROTO', 'https')", done.stderr


def test_origins_may_call_the_api_from_browsers():
    names = ("CORS_ALLOWED_ORIGINS", "CORS_ALLOW_ALL_ORIGINS")
    done = load(*names, MEMORY_ALLOWED_ORIGINS="https://a.example, https://b.example")
    assert done.stdout.splitlines() == ["['https://a.example', 'https://b.example']", "False"], done.stderr
    assert load(*names, MEMORY_ALLOWED_ORIGINS="*").stdout.splitlines() == ["[]", "True"]


def test_a_production_without_redis_is_possible_where_that_is_said():
    done = load("REDIS_URL", **{**SAFE, "MEMORY_REDIS_URL": "", "MEMORY_REQUIRE_REDIS_IN_PRODUCTION": "false"})
    assert (done.stdout, done.returncode) == ("None\n", 0), done.stderr


def test_cold_files_lie_in_the_data_directory_unless_another_storage_is_set():
    cold = "STORAGES['cold']"
    own = load(cold, MEMORY_DATA_DIR="/somewhere")
    assert own.stdout.strip() == str(
        {"BACKEND": environment.COLD_STORAGE, "OPTIONS": {"location": PosixPath("/somewhere/cold")}}
    ), own.stderr
    other = "django.core.files.storage.InMemoryStorage"
    set_to = {"MEMORY_COLD_STORAGE_BACKEND": other, "MEMORY_COLD_STORAGE_OPTIONS": '{"base_url": "/x"}'}
    assert load(cold, **set_to).stdout.strip() == str({"BACKEND": other, "OPTIONS": {"base_url": "/x"}})


def test_nothing_is_needed_locally():
    done = load("MEMORY_ENVIRONMENT", "MEMORY_PORT", "MEMORY_TENANT_RATE_LIMIT", "MEMORY_REQUIRE_API_KEY")
    assert (done.stdout.split(), done.returncode) == (["local", "8000", "120/m", "True"], 0), done.stderr


def test_an_empty_variable_is_unset_but_switches_a_rate_limit_off():
    done = load("MEMORY_PORT", "MEMORY_GLOBAL_RATE_LIMIT", MEMORY_PORT=" ", MEMORY_GLOBAL_RATE_LIMIT="")
    assert (done.stdout.split(), done.returncode) == (["8000", "None"], 0), done.stderr


def test_unprefixed_vendor_keys_work_and_the_prefixed_win():
    names = ("MEMORY_OPENAI_API_KEY", "MEMORY_GEMINI_API_KEY")
    done = load(*names, OPENAI_API_KEY="plain", GEMINI_API_KEY="plain", MEMORY_GEMINI_API_KEY="ours")
    assert done.stdout.split() == ["plain", "ours"]


# --- Parsers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "rate"),
    [("200/minute", "200/m"), ("5/s", "5/s"), ("1/hour", "1/h"), ("9/day", "9/d"), ("0", None), ("", None)],
)
def test_rates(value, rate):
    assert environment.rate(value) == rate


@pytest.mark.parametrize("value", ["200", "0/minute", "-1/minute", "1/fortnight", "1.5/s", "a/b", "1/minutes"])
def test_bad_rates(value):
    with pytest.raises(EnvError, match="COUNT/second"):
        environment.rate(value)


def test_weights_left_out_keep_their_default():
    assert environment.weights("a: 2", defaults={"a": 0.5, "b": 0.5}) == {"a": 2.0, "b": 0.5}
    assert environment.weights("", defaults={"a": 0.5}) == {"a": 0.5}


@pytest.mark.parametrize("value", ["c:1", "a", "a:x", "a:-1", "a:nan", "a:inf", "a:0,b:0", "a:1:2"])
def test_bad_weights(value):
    with pytest.raises(EnvError, match="name:number pairs"):
        environment.weights(value, defaults={"a": 0.5, "b": 0.5})


@pytest.mark.parametrize(
    "value", ["Storage", "nowhere.Storage", "retention.nowhere.Storage", "retention.storage.", "..", ""]
)
def test_classes_that_are_not_there(value):
    with pytest.raises(EnvError, match="an installed package"):
        environment.installed_class(value)


def test_a_class_that_is_there():
    assert environment.installed_class(environment.COLD_STORAGE) == "retention.storage.PrivateFileSystemStorage"


def test_json_objects():
    assert environment.json_object('{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize("value", ["[]", "1", "null", "{", "a:1"])
def test_what_is_no_json_object(value):
    with pytest.raises(EnvError, match="JSON object"):
        environment.json_object(value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg"])
def test_any_spelling_of_a_database_url(scheme):
    assert environment.database_url(f"{scheme}://u:p@h/d") == "postgresql://u:p@h/d"


@pytest.mark.parametrize("value", ["mysql://h/d", "postgresql://", "postgresql", "h:5432"])
def test_bad_database_urls(value):
    with pytest.raises(EnvError, match="Expected a URL"):
        environment.database_url(value)


def test_lists_of_urls_and_names():
    assert environment.names(" a, b,,c ") == ["a", "b", "c"]
    assert environment.database_urls("postgres://a/b, postgres://c/d") == ["postgresql://a/b", "postgresql://c/d"]


def test_redis_and_broker_urls():
    assert environment.redis_url("unix:///tmp/r.sock?db=0") == "unix:///tmp/r.sock?db=0"
    assert environment.broker_url("amqp://guest@rabbit//") == "amqp://guest@rabbit//"
    assert environment.redis_url(None) is None
    with pytest.raises(EnvError, match="redis://"):
        environment.redis_url("amqp://x")


def test_nothing_wrong_raises_nothing():
    environment.Environment().finish(unsafe=[])


def test_what_is_unsafe_raises_even_if_every_value_is_good():
    with pytest.raises(ImproperlyConfigured, match="too bold"):
        environment.Environment().finish(unsafe=["too bold"])


def test_a_dotenv_file_is_not_read_by_tests(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("MEMORY_OF_A_FILE=1")
    environment.read_dotenv(tmp_path / ".env")
    assert "MEMORY_OF_A_FILE" not in os.environ


def test_a_dotenv_file_is_read_elsewhere_and_set_variables_win(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMORY_ENVIRONMENT", "local")
    monkeypatch.setenv("MEMORY_OF_A_SHELL", "shell")
    monkeypatch.delenv("MEMORY_OF_A_FILE", raising=False)
    (tmp_path / ".env").write_text("MEMORY_OF_A_FILE=file\nMEMORY_OF_A_SHELL=file\n")
    environment.read_dotenv(tmp_path / ".env")
    assert (os.environ.pop("MEMORY_OF_A_FILE"), os.environ["MEMORY_OF_A_SHELL"]) == ("file", "shell")
