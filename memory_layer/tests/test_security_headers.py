"""What browsers are told on every response, and who may call from another origin."""

import re

import pytest
from django.contrib.admin import site
from django.test import Client
from django.urls import reverse

from memory_layer.security_headers import NOTHING, policy

ORIGIN = "https://app.example"
ALWAYS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
ANSWERS = [
    ("GET", "/livez", 200, {}),
    ("GET", "/", 302, {}),
    ("GET", "/docs", 200, {}),
    ("GET", "/redoc", 200, {}),
    ("GET", "/openapi.json", 200, {}),
    ("GET", "/admin/", 302, {}),
    ("GET", "/admin/login/", 200, {}),
    ("GET", "/static/memory_layer/admin.css", 200, {}),
    ("GET", "/v1/messages", 401, {}),
    ("GET", "/v1/nope", 404, {}),
    ("GET", "/nope", 404, {}),
    ("POST", "/v1/messages", 413, {"CONTENT_LENGTH": "2000000"}),
    ("POST", "/v1/messages", 411, {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}),
    ("GET", "/v1/messages", 400, {"HTTP_HOST": "evil.example"}),
    ("OPTIONS", "/v1/messages", 200, {"HTTP_ORIGIN": ORIGIN, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path", "status", "more"), ANSWERS)
def test_every_answer_carries_the_headers(method, path, status, more):
    response = Client().generic(method, path, **more)
    assert response.status_code == status
    assert {name: response[name] for name in ALWAYS} == ALWAYS
    assert "camera=()" in response["Permissions-Policy"]
    assert response["Content-Security-Policy"] == policy(path)
    response.close()


@pytest.mark.parametrize("path", ["/", "/v1/messages", "/openapi.json", "/static/x.js", "/metrics", "/docsx", "//docs"])
def test_what_is_no_page_may_load_nothing(path):
    assert policy(path) == NOTHING


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/admin", "/admin/login/"])
def test_a_page_loads_from_here_alone_and_runs_no_inline_script(path):
    directives = dict(part.split(" ", 1) for part in policy(path).split("; "))
    sources = " ".join(directives.values())
    assert "http" not in sources
    assert "*" not in sources
    assert "'unsafe-inline'" not in directives["script-src"]
    assert directives["default-src"] == directives["frame-ancestors"] == directives["base-uri"] == "'none'"


def inline_scripts(html: str) -> list[str]:
    scripts = re.findall(r"<script[^>]*>", html)
    assert scripts
    return [tag for tag in scripts if " src=" not in tag and 'type="application/json"' not in tag]


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/admin/login/"])
@pytest.mark.django_db
def test_no_page_holds_an_inline_script(path):
    assert inline_scripts(Client().get(path).content.decode()) == []


@pytest.mark.parametrize("model", site._registry, ids=lambda model: model._meta.model_name)
def test_no_page_of_the_admin_does(admin_client, model):
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    for page in (reverse(f"{name}_changelist"), reverse(f"{name}_add")):
        response = admin_client.get(page)
        assert response.status_code in (200, 403)  # what the system writes cannot be added
        assert response.status_code == 403 or inline_scripts(response.content.decode()) == []


@pytest.mark.parametrize(("secure", "seconds", "sent"), [(True, 60, "max-age=60"), (False, 60, None), (True, 0, None)])
def test_hsts_is_for_tls_alone(settings, secure, seconds, sent):
    settings.SECURE_HSTS_SECONDS = seconds
    assert Client().get("/livez", secure=secure).get("Strict-Transport-Security") == sent


# --- Other origins --------------------------------------------------------------------------------------------------


@pytest.fixture
def _one_origin(settings):
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]


def preflight(path: str, *, origin: str = ORIGIN, wanted: str = "content-type, idempotency-key, x-api-key"):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": wanted}
    return Client().options(path, headers={"Origin": origin, **asked})


@pytest.mark.usefixtures("_one_origin")
def test_a_named_origin_may_call_with_its_key():
    response = preflight("/v1/messages")
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in response["Access-Control-Allow-Methods"]
    allowed = response["Access-Control-Allow-Headers"].split(", ")
    assert {"authorization", "content-type", "idempotency-key", "x-api-key", "x-request-id"} == set(allowed)
    assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.usefixtures("_one_origin")
@pytest.mark.django_db
def test_its_scripts_see_the_headers_they_need_on_errors_too():
    response = Client().get("/v1/messages", headers={"Origin": ORIGIN})
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (401, ORIGIN)
    exposed = response["Access-Control-Expose-Headers"].split(", ")
    limits = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"}
    assert {"x-request-id"} | limits == set(exposed)


@pytest.mark.usefixtures("_one_origin")
@pytest.mark.parametrize(
    ("path", "origin"),
    [("/v1/messages", "https://evil.example"), ("/v1/messages", "http://app.example"), ("/v1/messages", "null"),
     ("/admin/login/", ORIGIN), ("/openapi.json", ORIGIN), ("/livez", ORIGIN)],
)  # fmt: skip
@pytest.mark.django_db
def test_others_and_elsewhere_get_nothing(path, origin):
    for response in (preflight(path, origin=origin), Client().get(path, headers={"Origin": origin})):
        assert not [name for name in response.headers if name.startswith("Access-Control")]


@pytest.mark.django_db
def test_by_default_no_origin_is_allowed():
    assert "Access-Control-Allow-Origin" not in preflight("/v1/messages")
