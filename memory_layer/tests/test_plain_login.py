"""Tasks, commands and the admin under an ordinary login: what forgot its scope would do nothing, and say nothing."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from memories import tasks
from memories.models import EmbeddingStatus, EmbeddingWindow, Message, MessageEmbedding
from memories.tests.factories import MessageFactory
from memories.tests.helpers import queue
from tenants import keys
from tenants import tasks as tenant_tasks
from tenants.models import ApiKey, IdempotencyKey, Tenant
from tenants.tests.admin_pages import listed
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db
ROWS = {
    "tenants_tenant": lambda message: message.tenant,
    "tenants_apikey": lambda message: keys.issue(message.tenant, name="k")[0],
    "memories_conversation": lambda message: message.conversation,
    "memories_message": lambda message: message,
    "memories_messageembedding": lambda message: queue(message)[0],
}


@pytest.fixture
def messages(db):
    """One of each of two tenants."""
    return [MessageFactory.create(), MessageFactory.create()]


# --- Tasks --------------------------------------------------------------------------------------------------------


def test_pending_messages_of_all_tenants_are_embedded(messages):
    queue(*messages)
    with plain_login():
        tasks.embed_pending()
    assert set(EmbeddingWindow.objects.values_list("message", flat=True)) == {one.pk for one in messages}
    assert set(MessageEmbedding.objects.values_list("status", flat=True)) == {EmbeddingStatus.COMPLETED}


def test_missing_embeddings_of_all_tenants_are_queued(messages):
    with plain_login():
        tasks.queue_missing()
    assert set(MessageEmbedding.objects.values_list("message", flat=True)) == {one.pk for one in messages}


def test_scores_of_all_tenants_are_refreshed(messages):
    Message.objects.update(stored_importance=0.001)
    with plain_login():
        tasks.rescore_importance()
        tasks.work_off_operations()
    assert not Message.objects.filter(stored_importance=0.001).exists()


def test_old_idempotency_keys_of_all_tenants_are_forgotten(db):
    for tenant in TenantFactory.create_batch(2):
        IdempotencyKey.objects.create(tenant=tenant, key="old", created_at=timezone.now() - timedelta(hours=25))
    with plain_login():
        tenant_tasks.forget_idempotency_keys()
    assert not IdempotencyKey.objects.exists()


# --- Commands -----------------------------------------------------------------------------------------------------


@pytest.fixture
def history(tmp_path):
    path = tmp_path / "history.jsonl"
    turns = [{"conversation_id": "talk", "role": "user", "content": f"turn {n}", "user_id": "ann"} for n in range(3)]
    path.write_text("".join(json.dumps(turn) + "\n" for turn in turns))
    return str(path)


def test_messages_are_imported_once(history, tenant):
    for _ in range(2):
        with plain_login():
            call_command("import_messages", history, "--tenant", tenant.slug)
    assert Message.objects.filter(tenant=tenant).count() == MessageEmbedding.objects.count() == 3


def test_a_tenant_and_its_keys_are_made_and_revoked(db):
    with plain_login():
        call_command("create_tenant", "fresh")
        call_command("issue_api_key", "--tenant", "fresh", "--scopes", "read")
    issued = ApiKey.objects.filter(tenant=Tenant.objects.get(slug="fresh"))
    assert len(issued) == 2
    with plain_login():
        for row in list(issued):
            call_command("revoke_api_key", row.prefix)
    assert not issued.usable().exists()


# --- Admin --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ROWS)
def test_an_operator_sees_the_rows_of_all_tenants(page, browser, messages):
    rows = {ROWS[page](one).pk for one in messages}
    assert rows <= {row.pk for row in listed(browser, reverse(f"admin:{page}_changelist"))}


@pytest.mark.parametrize("page", ROWS)
def test_an_operator_opens_a_row(page, browser, messages):
    row = ROWS[page](messages[0])
    response = browser.get(reverse(f"admin:{page}_change", args=[row.pk]))
    assert response.status_code == 200
    assert response.context["original"] == row


def test_an_operator_reads_a_conversation(browser):
    message = MessageFactory.create(content="A very particular turn", end_user=None)
    page = browser.get(reverse("admin:memories_conversation_change", args=[message.conversation_id]))
    assert "A very particular turn" in page.content.decode()


def test_an_operator_deletes_a_conversation_with_its_messages(browser, messages):
    gone, kept = messages
    browser.post(reverse("admin:memories_conversation_delete", args=[gone.conversation_id]), {"post": "yes"})
    assert list(Message.objects.all()) == [kept]


def test_who_is_no_operator_sees_none(client, messages, django_user_model):
    client.force_login(django_user_model.objects.create_user("visitor"))
    assert client.get(reverse("admin:memories_message_changelist")).status_code == 302
