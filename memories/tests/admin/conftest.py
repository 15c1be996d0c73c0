"""Somebody of whom things are known."""

import pytest

from tenants.tests.factories import EndUserFactory


@pytest.fixture
def ann(tenant):
    return EndUserFactory.create(tenant=tenant, external_id="ann")
