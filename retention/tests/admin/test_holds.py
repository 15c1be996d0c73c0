"""Legal holds and pins as an operator sees them."""

import html
import re

import pytest

from memories.models import Hold
from memories.tests.factories import ConversationFactory, MessageFactory
from retention import holds
from tenants.models import AuditEvent
from tenants.tests.admin_pages import act, adding, complaints, listing, page, queries, text
from tenants.tests.factories import EndUserFactory

HOLD = "memories_hold"


@pytest.fixture
def message(conversation):
    return MessageFactory.create(conversation=conversation)


def asked(tenant, **fields):
    return {"tenant": tenant.pk, "kind": "legal_hold", "reason": "case 7"} | fields


def test_a_hold_is_placed_on_each_kind_of_target(browser, tenant, message):
    person = EndUserFactory.create(tenant=tenant)
    targets = {"message": message, "conversation": message.conversation, "end_user": person}
    for name, target in targets.items():
        browser.post(adding(HOLD), asked(tenant, on=name, **{name: target.pk}))
        assert Hold.objects.get(**{name: target}).reason == "case 7"
    browser.post(adding(HOLD), asked(tenant, on="tenant"))
    assert Hold.objects.count() == 4
    assert AuditEvent.objects.filter(action="hold.placed", actor_kind="operator", tenant=tenant).count() == 4


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"on": "message"}, "message"),
        ({"on": "tenant", "message": "{message}"}, "message"),
        ({"on": "conversation", "conversation": "{conversation}", "message": "{message}"}, "message"),
        ({"on": "tenant", "kind": "pin"}, "kind"),
        ({"on": "conversation", "conversation": "{conversation}", "kind": "pin"}, "kind"),
        ({"on": "message", "message": "{foreign}"}, "message"),
        ({"on": "message", "message": "nonsense"}, "message"),
        ({"on": "conversation", "conversation": "{foreign_conversation}"}, "conversation"),
        ({"on": "nothing"}, "on"),
        ({"on": "tenant", "tenant": ""}, "tenant"),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused_in_words(browser, tenant, message, given, field):
    ids = {
        "message": message.pk,
        "conversation": message.conversation_id,
        "foreign": MessageFactory.create().pk,
        "foreign_conversation": ConversationFactory.create().pk,
    }
    data = asked(tenant) | {name: value.format(**ids) for name, value in given.items()}
    response = browser.post(adding(HOLD), data)
    assert list(complaints(response)) == [field]
    assert not Hold.objects.exists()


def test_a_hold_that_stands_is_not_placed_again(browser, tenant, message):
    holds.place(tenant, kind="legal_hold", message=message)
    response = browser.post(adding(HOLD), asked(tenant, on="message", message=message.pk))
    assert complaints(response) == {"kind": ["This hold stands already."]}


def test_a_hold_is_released_after_a_question(browser, tenant, message):
    hold, _ = holds.place(tenant, kind="pin", message=message)
    assert "Release this?" in act(browser, HOLD, "delete_selected", hold)
    assert Hold.objects.exists()
    assert "Holds released: 1." in act(browser, HOLD, "delete_selected", hold, confirmed="yes")
    assert not Hold.objects.exists()
    event = AuditEvent.objects.get(action="hold.released")
    assert (event.object_id, event.detail["message_id"]) == (str(hold.pk), str(message.pk))


def test_a_hold_deleted_on_its_page_is_released_on_the_record(browser, tenant):
    hold, _ = holds.place(tenant, kind="legal_hold")
    browser.post(f"/admin/memories/hold/{hold.pk}/delete/", {"post": "yes"})
    assert not Hold.objects.exists()
    assert AuditEvent.objects.filter(action="hold.released").exists()


def test_a_hold_is_not_changed(browser, tenant):
    hold, _ = holds.place(tenant, kind="legal_hold")
    assert browser.post(page(hold), asked(tenant, on="tenant", reason="other")).status_code == 403
    assert "the whole tenant" in text(browser.get(page(hold)))


def test_a_viewer_releases_nothing(viewer, tenant):
    hold, _ = holds.place(tenant, kind="legal_hold")
    assert "delete_selected" not in text(viewer.get(page(hold)))
    act(viewer, HOLD, "delete_selected", hold, confirmed="yes")
    assert Hold.objects.exists()
    assert viewer.get(adding(HOLD)).status_code == 403


def test_the_list_takes_as_many_queries_for_twenty_as_for_five(browser):
    def place(count):
        for _ in range(count):
            message = MessageFactory.create()
            holds.place(message.tenant, kind="pin", message=message)
            holds.place(message.tenant, kind="legal_hold", conversation=message.conversation)

    place(5)
    few = queries(browser, listing(HOLD))
    place(15)
    assert queries(browser, listing(HOLD)) == few


# --- From the pages of what is held -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "number"), [("pin", 0), ("legal_hold", 1)])
def test_a_messages_page_leads_to_a_form_that_needs_no_more(browser, message, kind, number):
    addresses = re.findall(rf'href="({adding(HOLD)}\?[^"]+)"', text(browser.get(page(message))))
    form = browser.get(html.unescape(addresses[number])).context["adminform"].form
    browser.post(adding(HOLD), {**form.initial, "conversation": "", "end_user": "", "reason": ""})
    assert (Hold.objects.get().kind, Hold.objects.get().message) == (kind, message)


def test_a_messages_page_shows_every_hold_that_keeps_it(browser, tenant, message):
    reaching = [
        holds.place(tenant, kind="pin", message=message)[0],
        holds.place(tenant, kind="legal_hold", conversation=message.conversation)[0],
        holds.place(tenant, kind="legal_hold")[0],
    ]
    other, _ = holds.place(tenant, kind="pin", message=MessageFactory.create(conversation=message.conversation))
    foreign, _ = holds.place(MessageFactory.create().tenant, kind="legal_hold")
    shown = text(browser.get(page(message)))
    assert [page(hold) in shown for hold in (*reaching, other, foreign)] == [True, True, True, False, False]


def test_a_conversations_page_leads_to_its_hold(browser, tenant, conversation):
    hold, _ = holds.place(tenant, kind="legal_hold", conversation=conversation)
    assert page(hold) in text(browser.get(page(conversation)))
