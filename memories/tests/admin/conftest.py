"""Operators at a service whose login is an ordinary one, and somebody of whom things are known."""

import pytest
from django.contrib.auth.models import Permission, User

from tenants.tests.factories import EndUserFactory
from tenants.tests.plain_login import PlainBrowser


@pytest.fixture
def browser(admin_user):
    """Of an operator who may do everything."""
    browser = PlainBrowser()
    browser.force_login(admin_user)
    return browser


@pytest.fixture
def viewer(db):
    """Of an operator who may look at everything but messages, and change nothing."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_").exclude(codename="view_message"))
    browser = PlainBrowser()
    browser.force_login(user)
    return browser


@pytest.fixture
def ann(tenant):
    return EndUserFactory.create(tenant=tenant, external_id="ann")
