"""The WSGI application that the API server loads."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")

application = get_wsgi_application()
