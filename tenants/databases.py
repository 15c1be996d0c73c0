"""Which database a read goes to."""

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper


def reading() -> BaseDatabaseWrapper:
    """The connection that plain SQL of a read runs on."""
    return connection
