"""The same database and server as the service has, without middleware, keys, limits, scopes, logs or metrics of it."""

from memory_layer.settings import *  # noqa: F403
from memory_layer.settings import DATABASES

DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
INSTALLED_APPS = ["bench.bare", "rest_framework"]
MIDDLEWARE = []
ROOT_URLCONF = "bench.bare.urls"
WSGI_APPLICATION = "bench.bare.wsgi.application"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
