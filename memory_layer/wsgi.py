"""The WSGI application that the API server loads."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from memory_layer import tracing
from memory_layer.deadline import limit_statements

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")
limit_statements(settings.DATABASES)
tracing.start()

application = get_wsgi_application()

from memories import providers  # noqa: E402 - settings come first
from memory_layer.warming import warm_up_in_background  # noqa: E402

warm_up_in_background(lambda: get_resolver().url_patterns, providers.load)
