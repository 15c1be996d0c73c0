"""Secrets are changed while clients and operators go on, as docs/operations.md says."""

import pytest
from django.urls import reverse

from tenants import keys
from tenants.models import Tenant
from tenants.tests.plain_login import PlainClient

HOME = reverse("admin:index")


def status_with(key: str, tenant: Tenant) -> int:
    client = PlainClient()
    client.credentials(HTTP_X_API_KEY=key)
    return int(client.get("/v1/messages", {"tenant_id": tenant.slug}).status_code)


@pytest.mark.parametrize(("fallbacks", "status"), [(True, 200), (False, 302)])
def test_an_operator_stays_logged_in_while_the_secret_of_before_is_a_fallback(browser, settings, fallbacks, status):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY] if fallbacks else []
    settings.SECRET_KEY = "another secret that is long and random"
    assert browser.get(HOME).status_code == status


def test_a_session_that_went_on_outlives_the_fallback(browser, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret that is long and random"
    browser.get(HOME)
    settings.SECRET_KEY_FALLBACKS = []
    assert browser.get(HOME).status_code == 200


def test_two_deployment_keys_open_side_by_side_until_one_is_taken_out(tenant, settings):
    settings.MEMORY_API_KEYS = ["the-new-key", "the-old-key"]
    assert [status_with(key, tenant) for key in settings.MEMORY_API_KEYS] == [200, 200]
    settings.MEMORY_API_KEYS = ["the-new-key"]
    assert [status_with(key, tenant) for key in ("the-new-key", "the-old-key")] == [200, 401]


def test_a_revoked_key_opens_nothing_beside_its_successor(tenant):
    row, old = keys.issue(tenant, name="before")
    _, new = keys.issue(tenant, name="after")
    keys.revoke([row])
    assert [status_with(key, tenant) for key in (new, old)] == [200, 401]
