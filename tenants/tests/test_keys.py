"""Keys: random, shown once, stored as digests."""

import hashlib

import pytest

from tenants import keys
from tenants.models import ApiKey
from tenants.tests.factories import TenantFactory


@pytest.mark.django_db
def test_a_key_is_stored_as_its_digest_only(tenant):
    row, key = keys.issue(tenant, name="bot")
    stored = ApiKey.objects.values().get()
    assert stored["digest"] == hashlib.sha256(key.encode()).hexdigest()
    assert key not in map(str, stored.values())
    assert row.prefix == key[:10]


@pytest.mark.django_db
def test_two_keys_are_never_the_same(tenant):
    issued = {keys.issue(tenant, name="bot")[1] for _ in range(20)}
    assert len(issued) == 20
    assert all(key.startswith("mlk_") and len(key) == 47 for key in issued)


@pytest.mark.django_db
def test_a_key_prints_as_its_prefix_and_name():
    row, _ = keys.issue(TenantFactory.create(), name="bot")
    assert str(row) == f"{row.prefix}… (bot)"


def test_only_the_whole_key_is_one_of_the_known():
    assert keys.is_one_of("b", ["a", "b"])
    assert not keys.is_one_of("c", ["a", "b"])
    assert not keys.is_one_of("a", [])
    assert not keys.is_one_of("a", ["aa", "A", ""])


def test_any_text_has_a_digest():
    assert keys.digest("\ud800") != keys.digest("\udc00")
