"""Operators, and browsers at a service whose login is an ordinary one."""

import pytest
from django.contrib.auth.models import Permission, User

from memories.tests.factories import ConversationFactory
from tenants.tests.plain_login import PlainBrowser


@pytest.fixture
def browser(admin_user):
    """Of an operator who may do everything."""
    browser = PlainBrowser()
    browser.force_login(admin_user)
    return browser


@pytest.fixture
def viewer(db):
    """Of an operator who may look at everything of retention, no more."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_").exclude(codename="view_message"))
    browser = PlainBrowser()
    browser.force_login(user)
    return browser


@pytest.fixture
def conversation(tenant):
    return ConversationFactory.create(tenant=tenant, external_id="talk")
