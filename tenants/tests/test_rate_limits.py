"""How often a client may ask, what it is told, and what happens when nobody can count."""

import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import connections
from django.urls import reverse
from rest_framework.test import APIClient

from tenants import keys, rate_limits
from tenants.models import Tenant
from tenants.tests.factories import EndUserFactory, TenantFactory

MESSAGES = "/v1/messages"
NEW = {"conversation_id": "talk", "role": "user", "content": "Hello"}
GONE = "redis://127.0.0.1:1/0"
pytestmark = pytest.mark.django_db


@pytest.fixture
def now(monkeypatch):
    """A clock that stands, at the start of no window in particular."""

    class Clock:
        seconds = 1_800_000_000.0

        def tick(self, seconds):
            self.seconds += seconds

    clock = Clock()
    monkeypatch.setattr("django_ratelimit.core.time.time", lambda: clock.seconds)
    return clock


@pytest.fixture
def limits(settings, now):
    """Switches limits on: `limits(tenant="3/m")`."""

    def switch_on(*, address=None, tenant=None, user_key=None):
        settings.MEMORY_GLOBAL_RATE_LIMIT, settings.MEMORY_TENANT_RATE_LIMIT = address, tenant
        settings.MEMORY_USER_KEY_RATE_LIMIT = user_key

    return switch_on


@pytest.fixture
def gone(settings, monkeypatch):
    """A Redis where nobody listens, and a counter that does not know of it yet."""
    settings.CACHES = settings.CACHES | {"limits": settings.CACHES["limits"] | {"LOCATION": GONE}}
    monkeypatch.setattr(rate_limits, "counter", rate_limits.Counter())


def client_of(tenant, **options):
    return APIClient(headers={"X-API-Key": keys.issue(tenant, name="test", **options)[1]})


def statuses(client, count, path=MESSAGES, **options):
    return [client.get(path, **options).status_code for _ in range(count)]


def told(response):
    return [int(response[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset")]


# --- How many pass --------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_exactly_as_many_pass_as_are_allowed_however_many_ask_at_once(api, limits):
    limits(tenant="40/m")

    def ask(_):
        try:
            return api.get(MESSAGES).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(32) as threads:
        answers = Counter(threads.map(ask, range(320)))
    assert answers == {200: 40, 429: 280}


def test_the_next_window_starts_anew(api, limits, now):
    limits(tenant="2/m")
    assert statuses(api, 3) == [200, 200, 429]
    now.tick(int(api.get(MESSAGES)["Retry-After"]) - 1)
    assert statuses(api, 1) == [429]
    now.tick(1)
    assert statuses(api, 3) == [200, 200, 429]


@pytest.mark.parametrize("rate", ["1/s", "1/m", "1/h", "1/d"])
def test_after_the_seconds_of_retry_after_and_not_before(api, limits, now, rate):
    limits(tenant=rate)
    assert statuses(api, 1) == [200]
    wait = int(api.get(MESSAGES)["Retry-After"])
    now.tick(wait - 1)
    assert statuses(api, 1) == [429]
    now.tick(1)
    assert statuses(api, 2) == [200, 429]


def test_two_keys_of_a_user_do_not_share(limits):
    limits(user_key="1/m")
    user = EndUserFactory.create()
    for _ in range(2):
        assert statuses(client_of(user.tenant, end_user=user), 2) == [200, 429]


def test_other_keys_are_not_limited_as_a_users_are(api, operator_api, tenant, limits):
    limits(user_key="1/m")
    assert statuses(api, 3) == [200] * 3
    assert statuses(operator_api, 3, path=f"{MESSAGES}?tenant_id={tenant.slug}") == [200] * 3


def test_a_users_calls_count_for_the_tenant_too(api, tenant, limits):
    limits(tenant="3/m", user_key="2/m")
    ann, bob = (client_of(tenant, end_user=EndUserFactory.create(tenant=tenant)) for _ in range(2))
    assert statuses(ann, 1) + statuses(bob, 1) + statuses(api, 2) == [200, 200, 200, 429]


@pytest.mark.parametrize(
    ("rates", "limit"), [(("9/m", "8/m", "7/m"), 7), (("9/m", "7/m", "8/m"), 7), (("7/m", "8/m", "9/m"), 7)]
)
def test_a_user_is_told_the_tightest_of_three(tenant, limits, rates, limit):
    limits(address=rates[0], tenant=rates[1], user_key=rates[2])
    client = client_of(tenant, end_user=EndUserFactory.create(tenant=tenant))
    assert told(client.get(MESSAGES))[:2] == [limit, limit - 1]


def test_two_tenants_do_not_share(api, limits):
    limits(tenant="1/m")
    assert statuses(api, 2) == [200, 429]
    assert statuses(client_of(TenantFactory.create()), 2) == [200, 429]


def test_two_keys_of_a_tenant_share(api, tenant, limits):
    limits(tenant="1/m")
    assert statuses(api, 1) + statuses(client_of(tenant), 1) == [200, 429]


def test_a_tenants_own_limit_wins(api, tenant, limits):
    limits(tenant="1/m")
    Tenant.objects.update(rate_limit="3/minute")
    assert statuses(api, 4) == [200, 200, 200, 429]


def test_a_tenant_may_be_without_limit(api, limits):
    limits(tenant="1/m")
    Tenant.objects.update(rate_limit="0")
    assert statuses(api, 3) == [200] * 3


def test_a_tenants_own_limit_stands_while_the_others_have_none(api, limits):
    Tenant.objects.update(rate_limit="1/hour")
    assert statuses(api, 2) == [200, 429]


def test_all_limits_may_be_off(api, limits):
    limits()
    response = api.get(MESSAGES)
    assert response.status_code == 200
    assert not [name for name in response.headers if name.lower().startswith("x-ratelimit")]


def test_a_refused_request_of_a_key_counts(api, limits):
    limits(tenant="2/m")
    assert [api.get(MESSAGES, {"limit": "x"}).status_code for _ in range(3)] == [400, 400, 429]


# --- Deployment keys ------------------------------------------------------------------------------------------------


def test_a_deployment_key_spends_what_the_named_tenant_has(operator_api, api, tenant, limits):
    limits(tenant="2/m")
    assert operator_api.post(MESSAGES, NEW | {"tenant_id": tenant.slug}).status_code == 202
    assert operator_api.get(MESSAGES, {"tenant_id": tenant.slug}).status_code == 200
    assert statuses(api, 1) == [429]
    assert operator_api.post(MESSAGES, NEW | {"tenant_id": "other"}).status_code == 202


def test_a_deployment_key_that_names_none_spends_what_the_default_one_has(operator_api, limits):
    limits(tenant="1/m")
    assert operator_api.post(MESSAGES, NEW).status_code == 202
    assert operator_api.get(MESSAGES, {"tenant_id": "default"}).status_code == 429


def test_a_refused_batch_stores_nothing(operator_api, limits):
    limits(tenant="1/m")
    batch = {"messages": [NEW | {"tenant_id": "shop"}]}
    assert [operator_api.post(f"{MESSAGES}/batch", batch).status_code for _ in range(2)] == [201, 429]
    limits()
    assert len(operator_api.get(MESSAGES, {"tenant_id": "shop"}).json()["items"]) == 1


# --- By address -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "wrong"}])
def test_who_has_no_key_is_limited_by_address(limits, headers):
    limits(address="2/m")
    client = APIClient(headers=headers)
    response = client.get(MESSAGES)
    assert (response.status_code, told(response)[:2]) == (401, [2, 1])
    assert statuses(client, 2) == [401, 429]
    assert statuses(client, 1, REMOTE_ADDR="192.0.2.7") == [401]


def test_an_address_is_limited_whatever_its_keys(api, limits):
    limits(address="1/m", tenant="9/m")
    assert statuses(api, 1) + statuses(client_of(TenantFactory.create()), 1) == [200, 429]


def test_behind_a_proxy_clients_do_not_share_and_cannot_pretend(limits, settings):
    settings.MEMORY_TRUSTED_PROXY_HOPS = 1
    limits(address="1/m")
    seen = ["203.0.113.9", "6.6.6.6, 203.0.113.9", "203.0.113.10"]
    assert [APIClient().get(MESSAGES, headers={"X-Forwarded-For": each}).status_code for each in seen] == [
        401,
        429,
        401,
    ]


@pytest.mark.parametrize(
    "path", ["/v1/admin/health", "/v1/admin/readiness", "/livez", "/docs", "/openapi.json", "/metrics", "/admin/login/"]
)
def test_what_is_not_limited(limits, path):
    limits(address="1/m", tenant="1/m")
    assert statuses(APIClient(), 3, path) == [200] * 3


# --- What a client is told ------------------------------------------------------------------------------------------


def test_every_answer_says_what_is_left(api, limits, now):
    limits(tenant="3/m")
    now.tick(told(api.get(MESSAGES))[2])  # to the start of a window
    first = told(api.get(MESSAGES))
    now.tick(1)
    assert first[:2] == [3, 2]
    assert told(api.get(MESSAGES, {"limit": "x"})) == [3, 1, first[2] - 1]
    assert told(api.delete(MESSAGES)) == [3, 0, first[2] - 1]
    assert told(api.get(MESSAGES)) == [3, 0, first[2] - 1]


def test_the_tightest_of_several_limits_is_told(api, limits):
    limits(address="3/m", tenant="9/m")
    assert told(api.get(MESSAGES))[:2] == [3, 2]
    limits(address="9/m", tenant="4/m")
    assert told(api.get(MESSAGES))[:2] == [4, 3]


def test_beyond_the_limit_the_answer_says_why_and_how_long(api, limits):
    limits(tenant="1/m")
    api.get(MESSAGES)
    response = api.get(MESSAGES)
    wait = response["Retry-After"]
    detail = f"Too many requests. Try again in {wait} second{'s' if wait != '1' else ''}."
    assert 1 <= int(wait) <= 60
    assert response["X-RateLimit-Reset"] == wait
    assert response.json() == {
        "type": "client_error",
        "errors": [{"code": "rate_limited", "detail": detail, "attr": None}],
    }


def counted(client, name: str) -> float:
    """What /metrics says of a series."""
    lines = client.get("/metrics").content.decode().splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), 0.0)


def test_refusals_are_counted_by_the_limit_that_refused(api, limits):
    limits(tenant="1/m", address="9/m")
    series = 'rate_limit_hits_total{kind="tenant"}'
    before = counted(api, series)
    assert statuses(api, 3) == [200, 429, 429]
    assert counted(api, series) == before + 2


# --- Without Redis --------------------------------------------------------------------------------------------------


def test_open_lets_requests_pass(api, limits, gone):
    limits(address="1/m", tenant="1/m")
    assert statuses(api, 3) == [200] * 3


def test_closed_answers_503(api, limits, gone, settings):
    settings.MEMORY_RATE_LIMIT_FAIL_OPEN = False
    limits(address="1/m", tenant="1/m")
    response = api.get(MESSAGES)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (503, "rate_limits_unavailable")


def test_an_outage_is_logged_once_beside_the_lines_of_the_requests_that_it_refuses(api, limits, gone, settings, caplog):
    settings.MEMORY_RATE_LIMIT_FAIL_OPEN = False
    limits(address="1/m")
    assert statuses(api, 3) == [503] * 3
    assert [record.name for record in caplog.records if record.name != "memory_layer.requests"] == [
        "tenants.rate_limits"
    ]


@pytest.mark.parametrize(("is_open", "outcome"), [(True, "passed"), (False, "refused")])
def test_what_an_outage_leaves_uncounted_is_counted(api, limits, gone, settings, is_open, outcome):
    settings.MEMORY_RATE_LIMIT_FAIL_OPEN = is_open
    limits(address="1/m")
    series = f'rate_limit_uncounted_total{{outcome="{outcome}"}}'
    before = counted(api, series)
    statuses(api, 3)
    assert counted(api, series) == before + 3


def test_an_outage_is_logged_once_and_so_is_its_end(api, limits, settings, gone, caplog):
    working = settings.CACHES["default"]["LOCATION"]
    limits(address="9/m")
    rate_limits.counter.PAUSE_SECONDS = 0.0
    statuses(api, 3)
    settings.CACHES = settings.CACHES | {"limits": settings.CACHES["limits"] | {"LOCATION": working}}
    assert told(api.get(MESSAGES))[:2] == [9, 8]
    events = [record.msg["event"] for record in caplog.records if record.name == "tenants.rate_limits"]
    assert events == ["rate_limits_unavailable", "rate_limits_available_again"]


def test_during_an_outage_one_request_waits_and_the_others_do_not(limits, settings, gone):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.CACHES = settings.CACHES | {
            "limits": settings.CACHES["limits"] | {"LOCATION": f"redis://127.0.0.1:{silent.getsockname()[1]}/0"}
        }
        limits(address="1/m")
        rate_limits.counter.PAUSE_SECONDS = 3600.0
        assert statuses(APIClient(), 3) == [401] * 3
        assert connections_to(silent) == 1


def connections_to(server):
    """How many were made to `server`, which accepted none yet."""
    server.settimeout(0)
    count = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


# --- In the admin ---------------------------------------------------------------------------------------------------


def edited(admin_client, tenant, rate):
    return admin_client.post(reverse("admin:tenants_tenant_change", args=[tenant.pk]), {"rate_limit": rate})


@pytest.mark.parametrize(("given", "stored"), [("500/hour", "500/hour"), ("0", "0"), ("", None)])
def test_a_tenants_own_limit_is_set_in_the_admin(admin_client, tenant, given, stored):
    Tenant.objects.update(rate_limit="7/day")
    assert edited(admin_client, tenant, given).status_code == 302
    assert Tenant.objects.get().rate_limit == stored


@pytest.mark.parametrize("given", ["often", "0/minute", "5", "1/fortnight", "-1/minute"])
def test_a_limit_that_is_none_is_explained(admin_client, tenant, given):
    page = edited(admin_client, tenant, given).content.decode()
    assert "Expected COUNT/second, /minute, /hour or /day, or 0 for no limit" in page
    assert Tenant.objects.get().rate_limit is None
