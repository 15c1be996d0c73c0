"""How many queries the lists of the admin take: few, and the same however many rows there are."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from memories.models import Conversation
from memory_layer.tests import admin_addresses
from memory_layer.tests.tenant_rows import MODELS, row_of
from tenants.models import EndUser, Tenant
from tenants.tests.factories import TenantFactory

QUERIES = 10
FEW, MANY = 10, 40


@pytest.fixture
def count(browser):
    def count(address: str) -> int:
        with CaptureQueriesContext(connection) as made:
            assert browser.get(address).status_code == 200
        return admin_addresses.queries(made)

    return count


def add_rows(tenants: int) -> None:
    """A row of every kind in as many new tenants, and in their lists."""
    for tenant in TenantFactory.create_batch(tenants):
        for model in MODELS:
            row_of(model, tenant)


def test_a_list_takes_few_queries_however_many_rows_it_has(count):
    lists = [admin_addresses.list_of(model) for model in admin_addresses.models()]
    add_rows(FEW)
    few = {address: count(address) for address in lists}
    add_rows(MANY - FEW)
    many = {address: count(address) for address in lists}
    assert many == few
    assert {address: made for address, made in many.items() if made > QUERIES} == {}


@pytest.mark.parametrize("model", admin_addresses.models(), ids=admin_addresses.name_of)
def test_a_list_takes_few_queries_under_each_filter(admin_user, count, model):
    add_rows(1)
    talk = Conversation.objects.latest("pk")
    chosen = {Tenant: talk.tenant, Conversation: talk, EndUser: EndUser.objects.latest("pk")}
    terms = ("word", talk.external_id)
    addresses = admin_addresses.lists(model, admin_user, chosen=chosen, terms=terms, day="2026-01-01")
    assert {address: made for address in list(addresses) if (made := count(address)) > QUERIES} == {}
