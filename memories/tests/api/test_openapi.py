"""The OpenAPI document and the pages that show it."""

import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from memories.tests.api.calls import FACT_FIELDS, MESSAGE_FIELDS

OPEN = {"/v1/admin/health", "/v1/admin/readiness"}
METHODS = {"get", "post", "put", "patch", "delete"}
ID = "00000000-0000-7000-8000-000000000000"
NAMED = {"{conversation_id}": "talk", "{session_id}": "talk"}
EXAMPLES = NAMED | {f"{{{kind}_id}}": ID for kind in ("message", "fact", "job", "key", "hold", "rule", "run")}


def document() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-any-return]


def operations() -> list[tuple[str, str]]:
    return [(method, path) for path, item in document()["paths"].items() for method in item if method in METHODS]


def test_it_generates_and_validates_without_a_warning(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "openapi.yaml"))


@pytest.mark.django_db
def test_it_is_served_to_everyone_as_json():
    response = Client().get("/openapi.json")
    assert (response.status_code, response.json()["openapi"][:2]) == (200, "3.")


def test_every_address_of_v1_is_in_it():
    top = get_resolver().url_patterns
    groups = [one for one in top if isinstance(one, URLResolver) and str(one.pattern) == "v1/"]
    routes = {str(one.pattern) for one in top if str(one.pattern).startswith("v1/") and one not in groups}
    routes |= {f"v1/{one.pattern}" for group in groups for one in group.url_patterns}
    documented = {re.sub(r"\{\w+\}", "*", path) for path in document()["paths"]}
    assert {"/" + re.sub(r"<[^>]+>", "*", route) for route in routes} == documented


def test_operation_ids_are_unique():
    names = [document()["paths"][path][method]["operationId"] for method, path in operations()]
    assert len(names) == len(set(names))


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path"), operations())
def test_every_operation_but_the_health_ones_requires_a_key(method, path):
    security = document()["paths"][path][method].get("security")
    for name, example in EXAMPLES.items():
        path = path.replace(name, example)
    status = Client().generic(method.upper(), path).status_code
    assert (status, security) == ((200, None) if path in OPEN else (401, [{"ApiKey": []}, {"Bearer": []}]))


@pytest.mark.parametrize(("method", "path"), operations())
def test_every_operation_documents_its_errors(method, path):
    responses = document()["paths"][path][method]["responses"]
    for code in ("4XX", "5XX"):
        assert responses[code]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ErrorBody"}


@pytest.mark.parametrize(("name", "fields"), [("Message", MESSAGE_FIELDS), ("Fact", FACT_FIELDS)])
def test_a_message_and_a_fact_are_documented_in_full(name, fields):
    assert document()["components"]["schemas"][name]["properties"].keys() == fields


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_pages_load_nothing_from_another_host(page):
    html = Client().get(page).content.decode()
    addresses = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)["']""", html)
    assert addresses
    assert all(one.startswith("/") and not one.startswith("//") for one in addresses)
    assert not re.findall(r"https?://(?!www\.w3\.org)", html)


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_what_the_pages_load_is_there(page):
    html = Client().get(page).content.decode()
    for address in re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)["']""", html):
        response = Client().get(address)
        assert response.status_code == 200, address
        response.close()
