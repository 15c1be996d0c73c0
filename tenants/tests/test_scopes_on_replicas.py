"""A tenant's scope in a call that may read from a replica."""

import pytest
from django.db import connections

from tenants import databases, isolation, positions
from tenants.isolation import ScopeConflict, current_scope, tenant_scope
from tenants.models import EndUser
from tenants.replicas import from_replica
from tenants.tests.factories import EndUserFactory

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "replica-1"])


@pytest.fixture(scope="module", autouse=True)
def _replica(django_db_setup):
    """The tests' own database under a second name."""
    here = connections["default"].settings_dict
    connections.settings["replica-1"] = {**here, "TEST": {**here["TEST"], "MIRROR": "default"}}
    yield
    del connections.settings["replica-1"]


@pytest.fixture
def someone():
    yield EndUserFactory.create()
    connections["replica-1"].close()


def test_a_server_that_replays_nothing_is_not_believed_to_be_a_replica(someone, grown, settings):
    settings.MEMORY_READ_REPLICA_URLS = ["any"]
    with tenant_scope(someone.tenant):
        pass
    assert positions.needed(someone.tenant_id)

    @from_replica
    def read():
        with tenant_scope(someone.tenant):
            return databases.reading().alias, EndUser.objects.get()

    assert read() == ("default", someone)
    assert grown("database_replica_reads_total", replica="replica-1", outcome="behind") == 1


def test_a_scope_on_a_replica_is_the_one_that_is_asked_for(someone, monkeypatch):
    monkeypatch.setattr(positions, "needed", lambda _: 0)
    monkeypatch.setattr(isolation, "ENTER_REPLICA", f"{isolation.ENTER}, %s = 0")  # as if all were replayed
    inside = []

    @from_replica
    def read():
        with tenant_scope(someone.tenant):
            inside.append((databases.reading().alias, current_scope().tenant_id))
            with tenant_scope(someone.tenant):
                return list(EndUser.objects.all())

    assert read() == [someone]
    assert inside == [("replica-1", str(someone.tenant_id))]
    assert databases.reading().alias == "default"


def test_a_scope_on_a_replica_holds_no_other_tenants(someone, monkeypatch):
    monkeypatch.setattr(positions, "needed", lambda _: 0)
    monkeypatch.setattr(isolation, "ENTER_REPLICA", f"{isolation.ENTER}, %s = 0")
    stranger = EndUserFactory.create()

    @from_replica
    def read():
        with tenant_scope(someone.tenant), pytest.raises(ScopeConflict), tenant_scope(stranger.tenant):
            pass
        with tenant_scope(stranger.tenant):
            return list(EndUser.objects.all())

    assert read() == [stranger]
