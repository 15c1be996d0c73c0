"""Receipts of erasure as an operator sees them."""

import html
import json

import pytest
from django.core.cache import cache

from memories.models import Hold, Job
from memories.tasks import OPERATION_WAKE_FLAG
from memories.tests.factories import ConversationFactory, MessageFactory
from retention.erasure import receipts
from retention.models import Receipt
from tenants.ids import new_id
from tenants.models import AuditEvent
from tenants.tests.admin_pages import listed, listing, page, text
from tenants.tests.factories import EndUserFactory

RECEIPT = "retention_receipt"


@pytest.fixture
def receipt(tenant):
    row = Receipt(
        tenant=tenant, subject_kind="user", subject_digest="5" * 64, counts={"messages": 2}, proof={"found": {}}
    )
    receipts.sign(row)
    row.save()
    return row


def test_a_genuine_receipt_is_said_to_be_one(browser, receipt):
    for address in (listing(RECEIPT), page(receipt)):
        assert "good" in text(browser.get(address))


def test_a_changed_receipt_is_found_out(browser, receipt):
    Receipt.objects.update(counts={"messages": 1})
    for address in (listing(RECEIPT), page(receipt)):
        assert "bad: changed" in text(browser.get(address))


def test_what_a_page_shows_can_be_verified(browser, receipt):
    shown = browser.get(page(receipt)).content.decode()
    handed_out = shown.split('tabindex="0">')[1].split("</pre>")[0]
    assert receipts.verify(json.loads(html.unescape(handed_out)))


def test_what_was_left_is_told(browser, receipt):
    Receipt.objects.update(proof={"found": {"memories_message": 1}})
    assert "something was left" in text(browser.get(listing(RECEIPT)))


def test_the_receipt_of_an_erased_tenant_is_still_shown(browser, receipt):
    Receipt.objects.update(tenant_id=new_id())
    assert "5" * 64 in text(browser.get(listing(RECEIPT)))
    assert "5" * 64 in text(browser.get(page(receipt)))


@pytest.mark.parametrize(("term", "count"), [("5" * 64, 1), ("5" * 63, 0)])
def test_a_receipt_is_found_by_its_digest(browser, receipt, term, count):
    assert len(listed(browser, listing(RECEIPT), q=term)) == count


@pytest.mark.parametrize("way", ["delete", "change"])
def test_a_receipt_is_neither_deleted_nor_changed(browser, receipt, way):
    assert browser.post(page(receipt).replace("change", way), {"post": "yes"}).status_code == 403


# --- Erase --------------------------------------------------------------------------------------------------------

ADD = "/admin/retention/receipt/add/"


@pytest.fixture
def maya(tenant):
    message = MessageFactory.create(
        conversation=ConversationFactory.create(tenant=tenant),
        end_user=EndUserFactory.create(tenant=tenant, external_id="maya"),
    )
    return message.end_user


def sent(browser, tenant, /, **given):
    return browser.post(ADD, {"tenant": str(tenant.pk), "kind": "user", "name": "maya"} | given)


def test_first_it_is_said_what_would_go(browser, tenant, maya):
    assert "This would go for good: 1 end users, 1 messages, 4 postings." in text(sent(browser, tenant))
    assert not Job.objects.exists()


def test_then_a_worker_erases_it(browser, tenant, maya, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        assert sent(browser, tenant, confirmed="on").status_code == 302
        assert sent(browser, tenant, confirmed="on").status_code == 302
    job = Job.objects.get()
    assert (job.kind, job.asked, job.end_user) == ("erase", {"kind": "user", "id": str(maya.pk)}, None)
    assert cache.get(OPERATION_WAKE_FLAG)
    assert not Receipt.objects.exists()
    assert AuditEvent.objects.filter(action="admin.queued", object_id=str(job.pk)).exists()


@pytest.mark.parametrize(
    ("given", "why"), [({"name": "nobody"}, "There is no user"), ({"tenant": ""}, "Choose the tenant")]
)
def test_what_is_not_there_is_not_erased(browser, tenant, maya, given, why):
    assert why in text(sent(browser, tenant, confirmed="on", **given))
    assert not Job.objects.exists()


def test_what_is_held_is_not_erased(browser, tenant, maya):
    Hold.objects.create(tenant=tenant, end_user=maya)
    assert "A legal hold keeps this user from being erased" in text(sent(browser, tenant, confirmed="on"))
    assert not Job.objects.exists()
