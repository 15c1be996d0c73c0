"""Requests are counted under labels that no client can add to."""

from contextlib import closing

import pytest
from django.test import Client, RequestFactory
from django.urls import URLResolver, get_resolver

from memory_layer.metrics import requests
from memory_layer.tests.metrics.samples import exposed

pytestmark = pytest.mark.django_db
GARBAGE = "garbage-xyzzy"


def test_a_request_is_counted_and_timed_by_method_route_and_status(api, grown):
    api.get("/v1/messages")
    api.get("/v1/messages?limit=nonsense")
    assert grown("http_requests_total", method="GET", route="v1/messages", status="200") == 1
    assert grown("http_requests_total", method="GET", route="v1/messages", status="400") == 1
    assert grown("http_request_duration_seconds_count", method="GET", route="v1/messages") == 2


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/static/memory_layer/favicon.svg"])
def test_probes_and_files_are_not_counted(client, grown, path):
    with closing(client.get(path)) as response:
        assert response.status_code == 200
    assert grown("http_requests_total", method="GET", route="unmatched", status="200") == 0
    assert grown("http_requests_total", method="GET", route="metrics", status="200") == 0


def test_what_is_refused_before_a_view_is_looked_for_has_no_route(client, grown):
    client.post("/v1/messages", CONTENT_LENGTH="9999999")
    assert grown("http_requests_total", method="POST", route="unmatched", status="413") == 1


def test_a_route_is_a_template(api, grown):
    unknown = "01a1f93b-dba8-7442-b429-45c2a3721d8b"
    api.get(f"/v1/messages/{unknown}")
    assert unknown not in exposed()
    assert grown("http_requests_total", method="GET", route="v1/messages/<uuid:message_id>", status="404") == 1


def test_nothing_that_a_client_wrote_becomes_a_label(api, operator_api):
    message = {"conversation_id": GARBAGE, "role": "user", "content": GARBAGE, "user_id": GARBAGE}
    client = Client(headers={"Host": "localhost", "User-Agent": GARBAGE, "X-Request-ID": GARBAGE})
    for method in ("GET", "POST", "DELETE", GARBAGE, "PROPFIND"):
        for path in (
            f"/{GARBAGE}",
            f"/v1/{GARBAGE}",
            f"/v1/messages/{GARBAGE}",
            f"/admin/{GARBAGE}/",
            f"/docs?{GARBAGE}",
        ):
            client.generic(method, path, headers={"X-API-Key": GARBAGE})
    assert operator_api.post("/v1/messages", {**message, "tenant_id": GARBAGE}).status_code == 202
    assert api.post("/v1/messages", {**message, "role": GARBAGE}).status_code == 400
    assert api.get(f"/v1/memory/search?query={GARBAGE}&mode={GARBAGE}").status_code == 400
    assert api.get(f"/v1/memory/search?query={GARBAGE}&user_id={GARBAGE}").status_code == 200
    assert api.post("/v1/recall", {"user_id": GARBAGE, "query": GARBAGE}).status_code == 200
    assert GARBAGE not in exposed().lower()


def test_every_route_that_was_ever_counted_is_one_of_the_service(api, client):
    api.get("/v1/conversations/c-1")
    client.get("/admin/login/")
    routes = {
        labels["route"] for sample in requests.requests.collect() for labels in [s.labels for s in sample.samples]
    }
    assert routes <= {"unmatched", *templates(get_resolver())}


def templates(resolver: URLResolver, prefix: str = "") -> set[str]:
    found: set[str] = set()
    for one in resolver.url_patterns:
        route = prefix + str(one.pattern)
        found |= templates(one, route) if isinstance(one, URLResolver) else {route}
    return found


@pytest.mark.parametrize(
    ("method", "label"), [("GET", "GET"), ("PATCH", "PATCH"), ("get", "other"), ("XYZZY", "other")]
)
def test_unusual_methods_are_one(grown, method, label):
    request = RequestFactory().generic(method, "/")
    request.method = method
    requests.count(request, Client().get("/livez"), seconds=0.1)
    assert grown("http_requests_total", method=label, route="unmatched", status="200") == 1
