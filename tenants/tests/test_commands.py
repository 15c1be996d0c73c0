"""`manage.py create_tenant`, `issue_api_key` and `revoke_api_key`."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tenants import keys
from tenants.models import ApiKey, EndUser, Tenant
from tenants.tests.factories import EndUserFactory
from tenants.tests.plain_login import plain_login


def printed(*command: str, **options) -> str:
    out = StringIO()
    call_command(*command, stdout=out, **options)
    return out.getvalue().strip()


def row_of(key: str) -> ApiKey:
    return ApiKey.objects.get(digest=keys.digest(key))


def test_an_issued_key_is_the_tenants(tenant):
    row = row_of(printed("issue_api_key", tenant=tenant.slug, name="laptop"))
    assert (row.tenant, row.name, row.scopes, row.expires_at) == (tenant, "laptop", ["read", "write"], None)


def test_a_key_can_have_other_scopes_and_an_end(tenant):
    row = row_of(printed("issue_api_key", tenant=tenant.slug, scopes=["read"], days=2))
    assert row.scopes == ["read"]
    assert row.expires_at
    assert timedelta(days=1.9) < row.expires_at - timezone.now() <= timedelta(days=2)


@pytest.mark.django_db
def test_a_key_of_the_deployment_has_neither_tenant_nor_user():
    row = row_of(printed("issue_api_key", "--deployment"))
    assert (row.kind, row.tenant, row.end_user) == ("deployment", None, None)


def test_a_key_of_an_end_user_is_the_users(tenant):
    maya = EndUserFactory.create(tenant=tenant, external_id="maya")
    row = row_of(printed("issue_api_key", tenant=tenant.slug, user="maya"))
    assert (row.kind, row.tenant, row.end_user) == ("user", tenant, maya)


def test_an_unknown_end_user_is_made(tenant):
    row = row_of(printed("issue_api_key", tenant=tenant.slug, user="maya"))
    assert row.end_user == EndUser.objects.get(tenant=tenant, external_id="maya")


def test_a_service_with_an_ordinary_login_issues_every_kind(tenant):
    with plain_login():
        given = [
            printed("issue_api_key", **options)
            for options in ({"tenant": tenant.slug, "user": "maya"}, {"tenant": tenant.slug}, {"deployment": True})
        ]
    assert [row_of(key).kind for key in given] == ["user", "tenant", "deployment"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"deployment": True, "tenant": "shop"}, "leave --tenant and --user out"),
        ({"deployment": True, "user": "maya"}, "leave --tenant and --user out"),
        ({"user": "maya", "scopes": ["admin"]}, "cannot have the scope"),
        ({"user": ""}, "1 to 255 printable"),
        ({"user": "a\0b"}, "1 to 255 printable"),
        ({"user": "a" * 256}, "1 to 255 printable"),
    ],
)
@pytest.mark.django_db
def test_what_does_not_go_together_is_refused(options, complaint):
    with pytest.raises(CommandError, match=complaint):
        call_command("issue_api_key", **options)
    assert not ApiKey.objects.exists()


@pytest.mark.django_db
def test_an_unknown_tenant_is_named():
    with pytest.raises(CommandError, match='no tenant "nobody"'):
        call_command("issue_api_key", tenant="nobody")


@pytest.mark.django_db
def test_a_new_tenant_comes_with_a_key():
    assert row_of(printed("create_tenant", "shop")).tenant == Tenant.objects.get(slug="shop")


@pytest.mark.parametrize("slug", ["no spaces", "", "x" * 65])
@pytest.mark.django_db
def test_a_slug_that_cannot_be_is_refused(slug):
    with pytest.raises(CommandError):
        call_command("create_tenant", slug)


def test_a_tenant_that_exists_is_refused(tenant):
    with pytest.raises(CommandError, match="already exists"):
        call_command("create_tenant", tenant.slug)


def test_a_key_is_revoked_by_its_prefix(tenant):
    row, key = keys.issue(tenant, name="lost")
    assert printed("revoke_api_key", row.prefix) == "Revoked."
    assert row_of(key).revoked_at


@pytest.mark.parametrize("kind", ["deployment", "user"])
def test_other_kinds_are_revoked_by_their_prefix_too(tenant, kind):
    user = EndUserFactory.create(tenant=tenant)
    row, key = keys.issue(None, name="lost") if kind == "deployment" else keys.issue(tenant, name="lost", end_user=user)
    assert printed("revoke_api_key", row.prefix) == "Revoked."
    assert row_of(key).revoked_at


@pytest.mark.django_db
def test_an_unknown_prefix_revokes_nothing():
    with pytest.raises(CommandError, match="0 usable keys"):
        call_command("revoke_api_key", "mlk_nothing")
