"""Scopes: what a transaction is lowered to, and that nothing of it stays behind."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from tenants.isolation import Scope, ScopeConflict, across_tenants, current_scope, tenant_scope
from tenants.models import EndUser, Tenant
from tenants.tests.factories import EndUserFactory, TenantFactory
from tenants.tests.plain_login import LOGIN, plain_login

pytestmark = pytest.mark.django_db(transaction=True)
OUTSIDE = Scope(LOGIN)
STATE = """
SELECT current_user,
    coalesce(current_setting('memory.tenant_id', true), ''), coalesce(current_setting('memory.end_user_id', true), '')
"""


def state():
    """(role, tenant, end user) as PostgreSQL has them on this connection, "" for none."""
    with connection.cursor() as cursor:
        cursor.execute(STATE)
        return cursor.fetchone()


def visible():
    """Whose end users an unfiltered query finds."""
    return set(EndUser.objects.values_list("tenant__slug", flat=True))


@pytest.fixture(autouse=True)
def _ordinary(transactional_db):
    """Scopes are entered as a service enters them: outside of every transaction, by a login that is no superuser."""
    with plain_login():
        yield


@pytest.fixture
def ours(_ordinary):
    return _tenant_with_a_user("ours")


@pytest.fixture
def theirs(_ordinary):
    return _tenant_with_a_user("theirs")


def _tenant_with_a_user(slug):
    with across_tenants():
        return EndUserFactory.create(tenant=TenantFactory.create(slug=slug)).tenant


# --- Inside -------------------------------------------------------------------------------------------------------


def test_a_tenants_scope_sets_role_and_tenant(ours):
    with tenant_scope(ours):
        assert state() == ("memory_tenant", str(ours.pk), "")


def test_an_end_users_scope_names_the_end_user_too(ours):
    user_id = uuid7()
    with tenant_scope(ours, end_user_id=user_id):
        assert state() == ("memory_tenant", str(ours.pk), str(user_id))


def test_across_tenants_names_none(ours):
    with across_tenants():
        assert state() == ("memory_maintenance", "", "")


def test_a_scope_is_a_transaction(ours):
    for scope in (tenant_scope(ours), across_tenants()):
        with scope:
            assert connection.in_atomic_block


def test_each_scope_sees_its_own_rows(ours, theirs):
    with tenant_scope(ours):
        assert visible() == {"ours"}
    with tenant_scope(theirs):
        assert visible() == {"theirs"}
    with across_tenants():
        assert visible() == {"ours", "theirs"}
    assert visible() == set()


def test_an_end_user_sees_no_other_one(ours):
    with tenant_scope(ours):
        other = EndUserFactory.create(tenant=ours)
    with tenant_scope(ours, end_user_id=other.pk):
        assert list(EndUser.objects.all()) == [other]


def test_outside_of_a_scope_nothing_is_written(ours):
    with pytest.raises(ProgrammingError, match="row-level security"):
        EndUserFactory.create(tenant=ours)


# --- After --------------------------------------------------------------------------------------------------------


def test_nothing_lingers_after_a_commit(ours):
    with tenant_scope(ours, end_user_id=uuid7()):
        state()
    assert state() == (LOGIN, "", "")
    assert current_scope() == OUTSIDE


def test_nothing_lingers_after_a_rollback(ours):
    with pytest.raises(ZeroDivisionError), tenant_scope(ours, end_user_id=uuid7()):
        _ = 1 / 0
    assert state() == (LOGIN, "", "")
    assert current_scope() == OUTSIDE


def test_nothing_lingers_after_a_failed_statement(ours):
    with pytest.raises(ProgrammingError), tenant_scope(ours), connection.cursor() as cursor:
        cursor.execute("SELECT no_such_column")
    assert state() == (LOGIN, "", "")
    assert current_scope() == OUTSIDE


def test_clients_may_take_turns_on_one_server_connection(ours, theirs):
    """As a pooler hands it on: from transaction to transaction, with nothing reset between."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = cursor.fetchone()
    seen = []
    for _ in range(3):
        for tenant in (ours, theirs):
            with tenant_scope(tenant):
                seen.append(visible())
            seen.append(visible())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone() == server
    assert seen == [{"ours"}, set(), {"theirs"}, set()] * 3


def test_a_request_to_roll_back_is_no_error(ours):
    with transaction.atomic(), tenant_scope(ours):
        EndUserFactory.create(tenant=ours)
        transaction.set_rollback(True)
    with across_tenants():
        assert EndUser.objects.count() == 1
    assert state() == (LOGIN, "", "")


# --- One in another -----------------------------------------------------------------------------------------------


def test_the_same_scope_is_joined(ours):
    with tenant_scope(ours), tenant_scope(ours):
        assert state() == ("memory_tenant", str(ours.pk), "")
        assert visible() == {"ours"}


def test_the_end_of_a_joined_scope_does_not_end_the_outer_one(ours):
    with tenant_scope(ours):
        with tenant_scope(ours):
            pass
        assert visible() == {"ours"}


def test_what_fails_in_a_joined_scope_is_undone_with_the_outer_one(ours):
    def fail() -> None:
        with tenant_scope(ours):
            EndUserFactory.create(tenant=ours, external_id="undone")
            with tenant_scope(ours):
                EndUserFactory.create(tenant=ours, external_id="undone")

    with pytest.raises(IntegrityError):
        fail()
    with across_tenants():
        assert not EndUser.objects.filter(external_id="undone").exists()


def test_a_joined_scope_asks_the_database_nothing(ours):
    with tenant_scope(ours), CaptureQueriesContext(connection) as made, tenant_scope(ours):
        pass
    assert not made


def test_work_for_the_tenant_inside_an_end_users_scope_stays_narrow(ours):
    user_id = uuid7()
    with tenant_scope(ours, end_user_id=user_id), tenant_scope(ours):
        assert state() == ("memory_tenant", str(ours.pk), str(user_id))
        assert visible() == set()


def test_another_tenants_scope_does_not_begin(ours, theirs):
    with tenant_scope(ours):
        with pytest.raises(ScopeConflict), tenant_scope(theirs):
            pytest.fail("was entered")
        assert visible() == {"ours"}


def test_another_end_users_scope_does_not_begin(ours):
    with (
        tenant_scope(ours, end_user_id=uuid7()),
        pytest.raises(ScopeConflict),
        tenant_scope(ours, end_user_id=uuid7()),
    ):
        pytest.fail("was entered")


def test_an_end_users_scope_does_not_begin_in_its_tenants(ours):
    with tenant_scope(ours), pytest.raises(ScopeConflict), tenant_scope(ours, end_user_id=uuid7()):
        pytest.fail("was entered")


def test_no_way_leads_from_a_tenants_scope_to_all_tenants(ours):
    with tenant_scope(ours), pytest.raises(ScopeConflict), across_tenants():
        pytest.fail("was entered")


def test_maintenance_may_enter_one_tenant_after_another(ours, theirs):
    with across_tenants():
        for tenant in Tenant.objects.order_by("slug"):
            with tenant_scope(tenant):
                assert visible() == {tenant.slug}
            assert state() == ("memory_maintenance", "", "")
            assert visible() == {"ours", "theirs"}


def test_a_failure_within_leads_back_to_maintenance(ours, theirs):
    with across_tenants():
        with pytest.raises(ZeroDivisionError), tenant_scope(ours):
            _ = 1 / 0
        assert state() == ("memory_maintenance", "", "")
        assert visible() == {"ours", "theirs"}


def test_a_scope_inside_an_ordinary_transaction_ends_before_it(ours):
    with transaction.atomic():
        with tenant_scope(ours):
            assert visible() == {"ours"}
        assert state() == (LOGIN, "", "")
        assert visible() == set()


def test_a_failed_scope_inside_an_ordinary_transaction_ends_before_it(ours):
    with transaction.atomic():
        with pytest.raises(ProgrammingError), tenant_scope(ours), connection.cursor() as cursor:
            cursor.execute("SELECT no_such_column")
        assert state() == (LOGIN, "", "")
        assert current_scope() == OUTSIDE


# --- Threads ------------------------------------------------------------------------------------------------------


def in_threads(*actions):
    """What each action returns, each in a thread with a database connection of its own."""

    def run(action):
        try:
            return action()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def test_threads_have_scopes_of_their_own(ours, theirs):
    def look(tenant):
        with plain_login(), tenant_scope(tenant):
            return visible()

    with tenant_scope(ours):
        assert in_threads(*[lambda: look(theirs), lambda: look(ours)] * 4) == [{"theirs"}, {"ours"}] * 4
        assert visible() == {"ours"}


def test_a_thread_started_in_a_scope_is_in_none(ours):
    def look():
        with plain_login():
            return current_scope(), visible()

    with tenant_scope(ours):
        assert in_threads(look) == [(OUTSIDE, set())]
