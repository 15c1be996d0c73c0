"""Each constraint of the database: what it lets pass and what not; and the querysets."""

from datetime import timedelta

import pytest
import Stemmer
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from tenants import keys
from tenants.ids import as_uuid, new_id
from tenants.models import ApiKey, EndUser, IdempotencyKey, Language, Tenant
from tenants.tests.factories import EndUserFactory, TenantFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("slug", ["a", "A-b_c.9", "x" * 64])
def test_a_sane_slug_passes(slug):
    assert str(Tenant.objects.create(slug=slug)) == slug


@pytest.mark.parametrize("slug", ["", "a b", "a/b", "é", "a\n", "猫"])
def test_another_slug_does_not(slug):
    with pytest.raises(IntegrityError, match="tenant_slug_is_sane"):
        Tenant.objects.create(slug=slug)


def test_a_longer_slug_does_not():
    with pytest.raises(DataError):
        Tenant.objects.create(slug="x" * 65)


def test_a_slug_is_unique():
    TenantFactory.create(slug="a")
    TenantFactory.create(slug="A")
    with pytest.raises(IntegrityError, match="slug"):
        TenantFactory.create(slug="a")


def test_a_digest_is_unique(tenant):
    row, _ = keys.issue(tenant, name="one")
    keys.issue(tenant, name="one")
    with pytest.raises(IntegrityError, match="digest"):
        ApiKey.objects.create(tenant=tenant, name="copy", digest=row.digest)


def test_an_external_id_is_unique_in_its_tenant():
    user = EndUserFactory.create(external_id="ann")
    EndUserFactory.create(external_id="ann")
    with pytest.raises(IntegrityError, match="end_user_external_id_is_unique"):
        EndUserFactory.create(external_id="ann", tenant=user.tenant)


def test_any_number_of_end_users_may_have_none(tenant):
    for _ in range(2):
        EndUserFactory.create(external_id=None, tenant=tenant)
    assert EndUser.objects.filter(tenant=tenant).count() == 2


def test_an_idempotency_key_is_unique_in_its_tenant(tenant):
    for owner in (tenant, TenantFactory.create()):
        IdempotencyKey.objects.create(tenant=owner, key="k")
    with pytest.raises(IntegrityError, match="idempotency_key_is_unique"), transaction.atomic():
        IdempotencyKey.objects.create(tenant=tenant, key="k")
    assert str(IdempotencyKey.objects.first()) == "k"


@pytest.mark.parametrize("model", [EndUser, IdempotencyKey])
def test_nothing_is_without_a_tenant(model):
    with pytest.raises(IntegrityError, match="tenant_id"):
        model.objects.create()


def test_all_goes_with_the_tenant(tenant):
    keys.issue(tenant, name="one")
    EndUserFactory.create(tenant=tenant)
    IdempotencyKey.objects.create(tenant=tenant, key="k")
    tenant.delete()
    assert not any(model.objects.exists() for model in (ApiKey, EndUser, IdempotencyKey))


@pytest.mark.parametrize(
    ("expires_in", "revoked", "usable"),
    [(None, False, True), (60, False, True), (-1, False, False), (None, True, False), (60, True, False)],
)
def test_usable_keys(tenant, expires_in, revoked, usable):
    now = timezone.now()
    row, _ = keys.issue(tenant, name="one")
    row.expires_at = None if expires_in is None else now + timedelta(seconds=expires_in)
    row.revoked_at = now if revoked else None
    row.save()
    assert ApiKey.objects.usable().exists() is usable


def test_an_end_user_is_known_by_either_id(tenant):
    named, unnamed = (
        EndUserFactory.create(tenant=tenant, external_id="ann"),
        EndUserFactory.create(tenant=tenant, external_id=None),
    )
    EndUserFactory.create(external_id="ann")
    assert set(EndUser.objects.known_as(tenant, ["ann", str(unnamed.pk), "x"])) == {named, unnamed}
    assert list(EndUser.objects.known_as(tenant, [str(named.pk)])) == [named]
    assert (str(named), str(unnamed)) == ("ann", str(unnamed.pk))


def test_new_ids_are_of_version_7_and_sort_by_time():
    made = [new_id() for _ in range(50)]
    assert {one.version for one in made} == {7}
    assert sorted(made) == made


@pytest.mark.parametrize("text", ["", "x", "0" * 31, "\ud800", "é" * 32])
def test_what_spells_no_uuid_is_none(text):
    assert as_uuid(text) is None


def test_any_spelling_of_a_uuid_is_read():
    one = new_id()
    assert as_uuid(str(one)) == as_uuid(one.hex.upper()) == as_uuid(f"{{{one}}}") == one


def test_every_language_can_be_stemmed():
    assert set(Language.values) <= set(Stemmer.algorithms())
