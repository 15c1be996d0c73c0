"""Fixtures every test may use."""

import os

import hypothesis
import pytest
from django.conf import settings
from django.core.cache import cache

from memory_layer import embedded

# How long an example takes says more of the machine than of the code. In CI a run must say of the change alone.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("suite")


def pytest_configure() -> None:
    embedded.lease(settings.MEMORY_DATA_DIR, durable=False)


@pytest.fixture(autouse=True)
def _empty_caches():
    from tenants import keys

    cache.clear()
    keys.forget_recent()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    from tenants.tests.plain_login import make_plain_login

    with django_db_blocker.unblock():
        make_plain_login()
    yield
    with django_db_blocker.unblock():
        _end_other_sessions()


def _end_other_sessions() -> None:
    """Those that a killed process, or a thread of a test, may have left: the database cannot be dropped under them."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture
def tenant(db):
    from tenants.tests.factories import TenantFactory

    return TenantFactory()


@pytest.fixture
def api(tenant):
    """A client with a key of `tenant`."""
    from tenants import keys
    from tenants.tests.plain_login import PlainClient

    client = PlainClient()
    client.credentials(HTTP_X_API_KEY=keys.issue(tenant, name="test")[1])
    return client


@pytest.fixture
def operator_api(db):
    """A client with a deployment key."""
    from tenants.tests.plain_login import PlainClient

    client = PlainClient()
    client.credentials(HTTP_X_API_KEY="test-deployment-key")
    return client


@pytest.fixture
def browser(admin_user):
    """Of an operator who may do everything, at a service whose login is an ordinary one."""
    from tenants.tests.plain_login import PlainBrowser

    browser = PlainBrowser()
    browser.force_login(admin_user)
    return browser


@pytest.fixture
def viewer(db):
    """Of an operator who may look at everything but messages, and change nothing."""
    from django.contrib.auth.models import Permission, User

    from tenants.tests.plain_login import PlainBrowser

    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_").exclude(codename="view_message"))
    browser = PlainBrowser()
    browser.force_login(user)
    return browser


@pytest.fixture
def grown():
    """By how much a sample has grown in this test: `grown("memory_recalls_total", degraded="false")`."""
    from prometheus_client import REGISTRY

    def samples() -> dict[tuple[object, ...], float]:
        found = [sample for family in REGISTRY.collect() for sample in family.samples]
        return {(one.name, *sorted(one.labels.items())): one.value for one in found}

    before = samples()

    def growth(name: str, **labels: str) -> float:
        key = (name, *sorted(labels.items()))
        return samples().get(key, 0.0) - before.get(key, 0.0)

    return growth
