"""Tests run as a superuser, whom no policy binds; here they ask as a service does whose login is an ordinary one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from tenants import isolation

LOGIN = "memory_test_login"
MAKE = f"""
DO $$ BEGIN CREATE ROLE {LOGIN} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
GRANT ALL ON ALL TABLES IN SCHEMA public TO {LOGIN};
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {LOGIN};
"""


def make_plain_login() -> None:
    """It has every right of an owner, and sees as little as one: row-level security is forced."""
    with connection.cursor() as cursor:
        cursor.execute(MAKE)


@contextmanager
def plain_login() -> Iterator[None]:
    """Meanwhile nothing of a tenant is seen outside of a scope."""
    outer, inside = isolation.current_scope(), connection.in_atomic_block
    _become(isolation.Scope(LOGIN), local=inside)
    try:
        yield
    finally:
        _become(outer, local=inside)


def _become(scope: isolation.Scope, *, local: bool) -> None:
    if local:
        isolation._set(scope)
    else:
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {scope.role}")
        isolation._kept()["memory_scope"] = scope  # what a scope inside a transaction leads back to


class PlainClient(APIClient):
    """A client of a service whose login is an ordinary one: what forgets its scope finds nothing."""

    def request(self, **kwargs: Any) -> Any:
        with plain_login():
            return super().request(**kwargs)


class PlainBrowser(Client):
    """A browser at such a service."""

    def request(self, **kwargs: Any) -> Any:
        with plain_login():
            return super().request(**kwargs)
