"""Wiring of the service: settings, URLs, Celery, commands. No domain code."""

from memory_layer.celery import app as celery_app

__all__ = ["celery_app"]
