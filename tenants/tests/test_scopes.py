"""What a key may do: its scopes, and for how long."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from tenants import keys
from tenants.models import ApiKey, Scope

NEW = {"conversation_id": "c", "role": "user", "content": "hello"}


@pytest.fixture
def client_with(tenant):
    """Makes a client whose key has just these scopes."""

    def make(*scopes: str, **options) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_X_API_KEY=keys.issue(tenant, name="test", scopes=scopes, **options)[1])
        return client

    return make


@pytest.mark.parametrize(
    ("scope", "method", "path", "body", "status"),
    [
        ("read", "get", "/v1/messages", None, 200),
        ("read", "post", "/v1/memory/search", {"query": "hello"}, 200),
        ("read", "post", "/v1/messages", NEW, 403),
        ("read", "post", "/v1/messages/batch", {"messages": [NEW]}, 403),
        ("read", "delete", "/v1/conversations/c", None, 403),
        ("write", "post", "/v1/messages", NEW, 202),
        ("write", "get", "/v1/messages", None, 403),
        ("write", "post", "/v1/memory/search", {"query": "hello"}, 403),
    ],
)
def test_a_call_needs_its_scope(client_with, scope, method, path, body, status):
    assert getattr(client_with(scope), method)(path, body).status_code == status


def test_a_refusal_names_the_scope_that_is_missing(client_with):
    (error,) = client_with("read").post("/v1/messages", NEW).json()["errors"]
    assert (error["code"], "`write`" in error["detail"]) == ("insufficient_scope", True)


@pytest.mark.parametrize("scopes", [["root"], [], ["read", "root"]])
def test_the_database_knows_the_scopes(tenant, scopes):
    row, _ = keys.issue(tenant, name="test")
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.filter(pk=row.pk).update(scopes=scopes)


def test_every_scope_may_be_stored(tenant):
    assert keys.issue(tenant, name="test", scopes=Scope.values)[0].scopes == Scope.values


def test_a_key_that_expires_opens_nothing_afterwards(client_with):
    assert client_with("read", expires_at=timezone.now() - timedelta(seconds=1)).get("/v1/messages").status_code == 401


def test_a_rotated_key_is_good_for_the_overlap_only(tenant):
    old, _ = keys.issue(tenant, name="app", scopes=["read"])
    new, _ = keys.rotate(old, overlap=timedelta(hours=1))
    assert (new.name, new.scopes, new.expires_at) == ("app", ["read"], None)
    assert old.expires_at
    assert timedelta(minutes=59) < old.expires_at - timezone.now() <= timedelta(hours=1)


def test_rotation_never_lengthens_a_life(tenant):
    soon = timezone.now() + timedelta(minutes=1)
    old, _ = keys.issue(tenant, name="app", expires_at=soon)
    keys.rotate(old, overlap=timedelta(days=1))
    assert old.expires_at == soon
