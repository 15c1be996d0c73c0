"""Erasure over the API."""

import pytest

from memories.models import Hold, Message
from memories.tests.api.calls import complaint
from memories.tests.factories import ConversationFactory, MessageFactory
from retention.erasure import receipts
from retention.models import ColdFile, Receipt
from tenants import keys
from tenants.models import EndUser, Tenant
from tenants.tests.factories import EndUserFactory
from tenants.tests.plain_login import PlainClient

ERASE, RECEIPTS = "/v1/retention/erase", "/v1/retention/receipts"
pytestmark = pytest.mark.django_db(transaction=True)  # an erasure has transactions of its own, and vacuums after them


@pytest.fixture
def maya(tenant) -> EndUser:
    maya = EndUserFactory.create(tenant=tenant, external_id="maya")
    talk = ConversationFactory.create(tenant=tenant, external_id="mayas-talk", end_user=maya)
    MessageFactory.create_batch(3, conversation=talk, end_user=maya)
    return maya


@pytest.fixture
def other(tenant) -> Message:
    return MessageFactory.create(conversation=ConversationFactory.create(tenant=tenant, external_id="another-talk"))


def test_an_end_user_is_erased_with_a_receipt(api, maya, other) -> None:
    answer = api.delete("/v1/users/maya")
    assert answer.status_code == 200
    receipt = answer.json()
    assert (receipt["complete"], receipt["counts"]["messages"], receipt["counts"]["conversations"]) == (True, 3, 1)
    assert list(Message.objects.all()) == [other]
    assert not EndUser.objects.exists()
    assert receipts.verify({name: value for name, value in receipt.items() if name != "complete"})


def test_our_own_id_will_do(api, maya) -> None:
    assert api.delete(f"/v1/users/{maya.pk}").json()["subject_kind"] == "user"


def test_who_is_not_there_is_not_erased(api, maya, other_admin_api) -> None:
    answers = [api.delete("/v1/users/nobody"), other_admin_api.delete("/v1/users/maya")]
    assert [complaint(one)[:2] for one in answers] == [(404, "not_found")] * 2
    assert Message.objects.count() == 3


def test_a_user_key_erases_its_own_user_alone(tenant, maya) -> None:
    ben = EndUserFactory.create(tenant=tenant, external_id="ben")
    client = PlainClient()
    client.credentials(HTTP_X_API_KEY=keys.issue(tenant, name="ben", end_user=ben)[1])
    assert client.delete("/v1/users/maya").status_code == 404
    assert client.delete("/v1/users/ben").json()["counts"] == {"end_users": 1, "api_keys": 1}
    assert list(EndUser.objects.all()) == [maya]


def test_a_dry_run_counts_and_changes_nothing(admin_api, maya) -> None:
    dry = admin_api.post(ERASE, {"user_id": "maya", "dry_run": True}).json()
    assert (dry["receipt"], Message.objects.count()) == (None, 3)
    real = admin_api.post(ERASE, {"user_id": "maya"}).json()
    assert real["counts"] == dry["counts"] == real["receipt"]["counts"]


def test_a_conversation_is_erased(admin_api, maya, other) -> None:
    assert admin_api.post(ERASE, {"conversation_id": "mayas-talk"}).json()["counts"]["messages"] == 3
    assert list(Message.objects.all()) == [other]
    assert list(EndUser.objects.all()) == [maya]


def test_a_tenant_is_erased_by_a_key_of_the_deployment(operator_api, tenant, maya, other) -> None:
    answer = operator_api.post(ERASE, {"tenant_id": tenant.slug, "whole_tenant": True}).json()
    assert answer["receipt"]["complete"]
    assert not Tenant.objects.filter(pk=tenant.pk).exists()


def test_receipts_are_listed(admin_api, maya) -> None:
    receipt = admin_api.delete("/v1/users/maya").json()
    assert admin_api.get(RECEIPTS).json() == {"items": [receipt], "next_cursor": None}


@pytest.mark.parametrize(
    "body",
    [{}, {"whole_tenant": False}, {"user_id": "a", "conversation_id": "b"}, {"user_id": "a", "whole_tenant": True}],
)
def test_one_subject_must_be_named(admin_api, body) -> None:
    assert complaint(admin_api.post(ERASE, body))[0] == 400


def test_a_legal_hold_refuses(admin_api, tenant, maya) -> None:
    Hold.objects.create(tenant=tenant, end_user=maya)
    assert complaint(admin_api.delete("/v1/users/maya"))[:2] == (409, "legal_hold")
    assert Message.objects.count() == 3
    assert not Receipt.objects.exists()


def test_a_cold_file_that_cannot_be_read_refuses(admin_api, tenant, maya) -> None:
    file = {"path": f"{tenant.slug}-{tenant.pk}/run/x.jsonl.gz", "sha256": "0" * 64, "bytes": 1, "messages": 1}
    message = Message.objects.first()
    assert message
    ColdFile.objects.create(tenant=tenant, oldest=message.created_at, newest=message.created_at, **file)
    assert complaint(admin_api.delete("/v1/users/maya"))[:2] == (409, "cold_file_unreadable")
    assert Message.objects.count() == 3


@pytest.mark.parametrize(("method", "path"), [("post", ERASE), ("get", RECEIPTS)])
def test_an_ordinary_key_is_not_enough(api, method: str, path: str) -> None:
    assert complaint(getattr(api, method)(path)) == (403, "insufficient_scope", None)
