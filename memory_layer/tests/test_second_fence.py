"""Were a queryset to forget its tenant, PostgreSQL would still keep the tenants apart."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from memories.models.conversation import ConversationQuerySet
from memories.models.message import MessageQuerySet
from memory_layer.tests.tenant_rows import rows_of, tenant_with_rows
from tenants import isolation
from tenants.models import EndUserQuerySet
from tenants.tests.plain_login import PlainClient

pytestmark = pytest.mark.django_db
READS: dict[str, Any] = {
    "list": ("get", "/v1/messages", {}),
    "list of an end user": ("get", "/v1/messages", {"user_id": "zephyr-user"}),
    "retrieve": ("get", "/v1/messages/{message}", {}),
    "conversations": ("get", "/v1/conversations", {}),
    "conversation": ("get", "/v1/conversations/zephyr-talk", {}),
    "stats": ("get", "/v1/conversations/zephyr-talk/stats", {}),
}
SEARCHES: dict[str, Any] = {  # each statement of which names the tenant by itself
    f"{mode} search": ("get", "/v1/memory/search", {"query": "vault combination", "mode": mode, "top_k": 100})
    for mode in ("semantic", "lexical", "hybrid")
}
WRITES = {
    "update": ("patch", "/v1/messages/{message}", {"content": "overwritten"}),
    "delete": ("delete", "/v1/messages/{message}", {}),
    "batch update": (
        "post",
        "/v1/messages/batch/update",
        {"updates": [{"message_id": "{message}", "update": {"archived": True}}]},
    ),
    "batch delete": ("post", "/v1/messages/batch/delete", {"message_ids": ["{message}"]}),
    "update of a conversation": ("patch", "/v1/conversations/zephyr-talk", {"title": "overwritten"}),
    "delete of a conversation": ("delete", "/v1/conversations/zephyr-talk", {}),
}


@pytest.fixture
def ours(db):
    return tenant_with_rows("quartz", "Porridge with plums for breakfast")


@pytest.fixture
def theirs(db):
    return tenant_with_rows("zephyr", "The vault combination is seventeen")


@pytest.fixture(autouse=True)
def _forgotten_filters(monkeypatch, ours, theirs):
    def known_as(queryset, tenant, user_ids):
        return queryset.filter(external_id__in=list(user_ids))

    monkeypatch.setattr(MessageQuerySet, "for_tenant", lambda queryset, tenant: queryset)
    monkeypatch.setattr(ConversationQuerySet, "for_tenant", lambda queryset, tenant: queryset)
    monkeypatch.setattr(EndUserQuerySet, "known_as", known_as)


@pytest.fixture
def no_row_level_security(monkeypatch):
    """Scopes lower nothing: all is left to the querysets."""
    monkeypatch.setattr(isolation, "ENTER", "SELECT %s, %s, %s")


def send(client, key, call, theirs):
    method, path, data = call
    client.credentials(HTTP_X_API_KEY=key)
    return getattr(client, method)(path.format(message=theirs.ids.message), _filled(data, theirs.ids.message))


def _filled(data, message_id):
    if isinstance(data, dict):
        return {name: _filled(value, message_id) for name, value in data.items()}
    if isinstance(data, list):
        return [_filled(value, message_id) for value in data]
    return message_id if data == "{message}" else data


def tells_of(theirs, response):
    """Whether anything of B is in the answer, the id apart that the call itself said."""
    text = response.content.decode()
    return "zephyr" in text.replace("zephyr-talk", "") or "vault" in text or '"zephyr-talk"' in text


@pytest.mark.parametrize("call", (READS | SEARCHES).values(), ids=READS | SEARCHES)
def test_nothing_of_another_tenant_is_read(call, ours, theirs):
    assert not tells_of(theirs, send(PlainClient(), ours.key, call, theirs))


@pytest.mark.parametrize("call", READS.values(), ids=READS)
def test_without_row_level_security_it_would_be(call, ours, theirs, no_row_level_security):
    assert tells_of(theirs, send(APIClient(), ours.key, call, theirs))


@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
def test_nothing_of_another_tenant_is_changed(call, ours, theirs):
    before = rows_of(theirs.tenant)
    response = send(PlainClient(), ours.key, call, theirs)
    assert response.status_code in (404, 207)
    assert not tells_of(theirs, response)
    assert rows_of(theirs.tenant) == before


@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
def test_without_row_level_security_it_would_be_changed(call, ours, theirs, no_row_level_security):
    before = rows_of(theirs.tenant)
    send(APIClient(), ours.key, call, theirs)
    assert rows_of(theirs.tenant) != before


@pytest.mark.parametrize("name", ["list", "conversations", "semantic search"])
def test_own_rows_are_read_all_the_same(name, ours, theirs):
    assert "quartz" in send(PlainClient(), ours.key, (READS | SEARCHES)[name], theirs).content.decode()
