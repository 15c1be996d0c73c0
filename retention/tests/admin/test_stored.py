"""Messages and conversations that are archived, restored or kept by a hold, as an operator sees them."""

import pytest
from django.urls import reverse
from django.utils import timezone

from memories.models import Conversation, Message
from memories.tests.factories import MessageFactory
from retention import holds
from tenants.models import AuditEvent
from tenants.tests.admin_pages import act, page

MESSAGE, CONVERSATION = "memories_message", "memories_conversation"
FORMSET = {"embeddings-TOTAL_FORMS": 0, "embeddings-INITIAL_FORMS": 0}


@pytest.fixture
def stored(conversation):
    return MessageFactory.create_batch(2, conversation=conversation)


def chosen(model, stored):
    return stored if model == MESSAGE else [stored[0].conversation]


def archived():
    return Message.objects.archived().count()


@pytest.mark.parametrize("model", [MESSAGE, CONVERSATION])
def test_messages_are_archived_and_restored_after_a_question(browser, stored, tenant, model):
    rows = chosen(model, stored)
    assert "Archive these" in act(browser, model, "archive", *rows)
    assert archived() == 0
    assert "Messages archived: 2." in act(browser, model, "archive", *rows, confirmed="yes")
    assert archived() == 2
    assert "Restore these" in act(browser, model, "restore", *rows)
    assert "Messages restored: 2." in act(browser, model, "restore", *rows, confirmed="yes")
    assert archived() == 0
    events = AuditEvent.objects.filter(action__in=["admin.archived", "admin.restored"], tenant=tenant)
    assert [event.detail for event in events] == [{"messages": 2}] * 2


@pytest.mark.parametrize("model", [MESSAGE, CONVERSATION])
def test_what_a_legal_hold_keeps_is_not_archived(browser, stored, tenant, model):
    holds.place(tenant, kind="legal_hold", message=stored[0])
    shown = act(browser, model, "archive", *chosen(model, stored), confirmed="yes")
    assert "Messages archived: 1." in shown
    assert "a legal hold keeps as they are: 1." in shown
    assert list(Message.objects.live()) == [stored[0]]


def test_a_pin_stops_no_operator(browser, stored, tenant):
    holds.place(tenant, kind="pin", message=stored[0])
    assert "Messages archived: 2." in act(browser, MESSAGE, "archive", *stored, confirmed="yes")


@pytest.mark.parametrize("model", [MESSAGE, CONVERSATION])
def test_what_a_legal_hold_keeps_is_not_deleted(browser, stored, tenant, model):
    holds.place(tenant, kind="legal_hold", message=stored[0])
    rows = chosen(model, stored)
    assert "A legal hold keeps this" in act(browser, model, "delete_selected", *rows, confirmed="yes")
    deleting = browser.post(reverse(f"admin:{model}_delete", args=[rows[0].pk]), {"post": "yes"}, follow=True)
    assert "A legal hold keeps this" in deleting.content.decode()
    assert (Message.objects.count(), Conversation.objects.count()) == (2, 1)
    assert not AuditEvent.objects.filter(action="admin.deleted").exists()


def test_what_a_legal_hold_keeps_is_not_changed(browser, stored, tenant):
    holds.place(tenant, kind="legal_hold")
    response = browser.post(page(stored[0]), {"archived": "on"} | FORMSET, follow=True)
    assert "A legal hold keeps this" in response.content.decode()
    assert archived() == 0


def test_a_viewer_archives_and_restores_nothing(viewer, stored):
    Message.objects.filter(pk=stored[0].pk).update(archived_at=timezone.now())
    for action in ("archive", "restore"):
        act(viewer, CONVERSATION, action, stored[0].conversation, confirmed="yes")
    assert archived() == 1
