"""Who is let in, and to which tenant."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tenants import keys
from tenants.models import ApiKey, Tenant
from tenants.tests.factories import TenantFactory

pytestmark = pytest.mark.django_db
NEW = {"conversation_id": "talk", "role": "user", "content": "Hello"}
MESSAGES = "/v1/messages"


def refused(response) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


@pytest.fixture
def issued(tenant) -> tuple[ApiKey, str]:
    return keys.issue(tenant, name="test")


def test_no_key_is_a_401_that_says_how(db):
    response = APIClient().get(MESSAGES)
    assert refused(response) == (401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "wrong"},
        {"Authorization": "Bearer wrong"},
        {"X-API-Key": "mlk_" + "a" * 43},
        {"X-API-Key": "ÿ\x01"},
        {"X-API-Key": "a" * 5000},
        {"X-API-Key": "test-deployment-key2"},
        {"X-API-Key": "TEST-DEPLOYMENT-KEY"},
    ],
)
def test_a_wrong_key_is_a_401(headers):
    assert refused(APIClient().get(MESSAGES, headers=headers)) == (401, "invalid_api_key")


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "", "test-deployment-key"])
def test_another_scheme_is_no_key(value):
    assert refused(APIClient().get(MESSAGES, headers={"Authorization": value})) == (401, "not_authenticated")


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_either_header_opens(issued, header, scheme):
    value = issued[1] if header == "X-API-Key" else f"{scheme} {issued[1]}"
    assert APIClient().get(MESSAGES, headers={header: value}).status_code == 200


def test_an_expired_key_is_a_401(issued):
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refused(APIClient().get(MESSAGES, headers={"X-API-Key": issued[1]})) == (401, "invalid_api_key")


def test_a_key_that_expires_later_opens(issued):
    ApiKey.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    assert APIClient().get(MESSAGES, headers={"X-API-Key": issued[1]}).status_code == 200


def test_a_revoked_key_is_a_401(issued):
    ApiKey.objects.update(revoked_at=timezone.now())
    assert refused(APIClient().get(MESSAGES, headers={"X-API-Key": issued[1]})) == (401, "invalid_api_key")


def test_the_last_use_is_noted_but_not_at_every_call(issued):
    client = APIClient(headers={"X-API-Key": issued[1]})
    client.get(MESSAGES)
    first = ApiKey.objects.get().last_used_at
    client.get(MESSAGES)
    assert first is not None
    assert ApiKey.objects.get().last_used_at == first


def test_the_last_use_moves_on_after_a_while(issued):
    long_ago = timezone.now() - timedelta(hours=1)
    ApiKey.objects.update(last_used_at=long_ago)
    APIClient().get(MESSAGES, headers={"X-API-Key": issued[1]})
    assert ApiKey.objects.filter(last_used_at__gt=long_ago).exists()


# --- Which tenant ---------------------------------------------------------------------------------------------------


def test_a_tenants_key_needs_no_tenant_id(api, tenant):
    assert api.post(MESSAGES, NEW).json()["tenant_id"] == tenant.slug


def test_a_tenants_key_may_name_its_own(api, tenant):
    assert api.post(MESSAGES, NEW | {"tenant_id": tenant.slug}).status_code == 202
    assert len(api.get(MESSAGES, {"tenant_id": tenant.slug}).json()["items"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/messages", NEW),
        ("POST", "/v1/messages/batch", {"messages": [NEW]}),
        ("POST", "/v1/messages/batch/update", {"updates": [{}]}),
        ("POST", "/v1/messages/batch/delete", {"message_ids": ["0" * 32]}),
        ("POST", "/v1/conversations", {"conversation_id": "talk"}),
        ("POST", "/v1/memory/search", {"query": "x"}),
        ("GET", "/v1/messages", None),
        ("GET", "/v1/conversations", None),
        ("GET", "/v1/conversations/talk", None),
        ("PATCH", "/v1/conversations/talk", {"title": "x"}),
        ("DELETE", "/v1/conversations/talk", None),
        ("GET", "/v1/conversations/talk/messages", None),
        ("GET", "/v1/conversations/talk/stats", None),
        ("GET", f"/v1/messages/{'0' * 8}-0000-0000-0000-{'0' * 12}", None),
        ("DELETE", f"/v1/messages/{'0' * 8}-0000-0000-0000-{'0' * 12}", None),
    ],
)
@pytest.mark.parametrize("slug", ["known", "unknown"])
def test_another_tenants_id_is_a_403_whether_there_is_one_or_not(api, method, path, body, slug):
    TenantFactory.create(slug="known")
    response = getattr(api, method.lower())(f"{path}?tenant_id={slug}", body)
    assert refused(response) == (403, "permission_denied")
    if method == "POST":
        assert refused(api.post(path, body | {"tenant_id": slug})) == (403, "permission_denied")
    assert Tenant.objects.count() == 2


def test_a_deployment_keys_tenant_is_the_default_one(operator_api):
    assert operator_api.post(MESSAGES, NEW).json()["tenant_id"] == "default"
    assert len(operator_api.get(MESSAGES).json()["items"]) == 1


@pytest.mark.parametrize("path", [MESSAGES, "/v1/conversations"])
def test_a_write_with_a_deployment_key_creates_its_tenant(operator_api, path):
    body = NEW if path == MESSAGES else {"conversation_id": "talk"}
    assert operator_api.post(path, body | {"tenant_id": "fresh"}).json()["tenant_id"] == "fresh"
    assert Tenant.objects.get().slug == "fresh"


def test_a_write_may_name_its_tenant_in_the_query_string(operator_api):
    assert operator_api.post(f"{MESSAGES}?tenant_id=fresh", NEW).json()["tenant_id"] == "fresh"


def test_the_setting_forbids_new_tenants(operator_api, settings):
    settings.MEMORY_AUTO_CREATE_TENANTS = False
    assert refused(operator_api.post(MESSAGES, NEW | {"tenant_id": "fresh"})) == (404, "tenant_not_found")
    assert not Tenant.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/messages", None),
        ("GET", "/v1/conversations", None),
        ("GET", "/v1/memory/search?query=x", None),
        ("POST", "/v1/memory/search", {"query": "x"}),
        ("POST", "/v1/messages/batch/update", {"updates": [{}]}),
        ("POST", "/v1/messages/batch/delete", {"message_ids": ["0" * 32]}),
    ],
)
def test_an_unknown_tenant_is_a_404_on_what_is_no_creation(operator_api, method, path, body):
    separator = "&" if "?" in path else "?"
    response = getattr(operator_api, method.lower())(f"{path}{separator}tenant_id=unknown", body)
    assert refused(response) == (404, "tenant_not_found")
    assert not Tenant.objects.exists()


def test_an_open_api_takes_calls_without_a_key(settings):
    settings.MEMORY_REQUIRE_API_KEY = False
    assert APIClient().post(MESSAGES, NEW).json()["tenant_id"] == "default"
    assert APIClient().get(f"{MESSAGES}?tenant_id=default").status_code == 200


def test_an_open_api_refuses_a_wrong_key_all_the_same(settings):
    settings.MEMORY_REQUIRE_API_KEY = False
    assert refused(APIClient().get(MESSAGES, headers={"X-API-Key": "wrong"})) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    "path", ["/v1/admin/health", "/v1/admin/readiness", "/livez", "/docs", "/redoc", "/openapi.json"]
)
def test_what_needs_no_key(path):
    assert APIClient().get(path).status_code == 200


def test_metrics_need_no_key():
    assert APIClient().get("/metrics").status_code == 200
