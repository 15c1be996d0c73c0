"""Settings of the test suite: embedded servers of its own, no developer's environment, the deterministic provider."""

import os

for name in [name for name in os.environ if name.startswith("MEMORY_")]:
    del os.environ[name]
os.environ |= {
    "MEMORY_ENVIRONMENT": "test",
    "MEMORY_DATA_DIR": ".memory/test",
    "MEMORY_API_KEYS": "test-deployment-key",
    "MEMORY_EMBEDDING_PROVIDER": "mock",
    "MEMORY_LOG_LEVEL": "WARNING",
} | {f"MEMORY_{name}_RATE_LIMIT": "0" for name in ("GLOBAL", "TENANT", "USER_KEY", "LOGIN")}

from memory_layer.settings import *  # noqa: E402, F403
from memory_layer.settings import CACHES, CELERY_BROKER_URL, DATABASES, REDIS_URL  # noqa: E402

# Each process of pytest-xdist has a Redis database of its own, as it has a PostgreSQL one.
redis_database = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 15
REDIS_URL = str(REDIS_URL).replace("db=0", f"db={redis_database}")
CELERY_BROKER_URL = CELERY_BROKER_URL.replace("virtual_host=0", f"virtual_host={redis_database}")
for one in CACHES.values():
    one["LOCATION"] = REDIS_URL
DATABASES["default"]["OPTIONS"].pop("pool")
DATABASES["default"]["USER"] = "postgres"  # may create databases; sees all rows outside of tenants.isolation's scopes
# Two runs in one checkout at the same time need names of their own: TEST_DATABASE=test_mine.
DATABASES["default"]["TEST"] = {"NAME": os.environ.get("TEST_DATABASE", "test_memory_layer")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_AUTOREFRESH = True
