"""What every request goes through: its id, its size, JSON errors, a limit of logins."""

import json
import uuid

import pytest
from django.core.exceptions import SuspiciousOperation
from django.http import HttpResponse, HttpResponseNotFound, HttpResponseServerError
from django.test import Client, RequestFactory

from memory_layer.middleware import JsonErrorMiddleware, RequestSizeMiddleware
from tenants.rate_limits import counter


def refused(response) -> tuple[int, str]:
    assert response["Content-Type"] == "application/json"
    return response.status_code, json.loads(response.content)["errors"][0]["code"]


@pytest.mark.parametrize("given", ["a", "req-1", "A.b_c:9", "x" * 128, "01a1f93b-dba8-7442-b429-45c2a3721d8b"])
def test_a_sane_request_id_is_taken(given):
    assert Client().get("/livez", headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "é", "<script>", "a\nb", "a;b", '{"a":1}'])
def test_another_one_is_replaced(given):
    made = Client().get("/livez", headers={"X-Request-ID": given})["X-Request-ID"]
    assert uuid.UUID(made).version == 7


def test_each_request_gets_an_id_of_its_own():
    assert Client().get("/livez")["X-Request-ID"] != Client().get("/livez")["X-Request-ID"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status", "options"),
    [
        ("/v1/nope", 404, {}),
        ("/v1/messages", 401, {}),
        ("/v1/admin/health", 405, {"method": "POST"}),
        ("/v1/messages", 413, {"CONTENT_LENGTH": "2000000"}),
        ("/nope", 404, {}),
        ("/v1/messages", 400, {"HTTP_HOST": "evil.example"}),
    ],
)
def test_errors_carry_the_id_too(path, status, options):
    client = Client(headers={"X-Request-ID": "mine"})
    response = client.generic(options.pop("method", "GET"), path, **options)
    assert (response.status_code, response["X-Request-ID"]) == (status, "mine")


def test_a_request_leaves_one_line_without_its_query(caplog, settings):
    with caplog.at_level("INFO", logger="memory_layer.requests"):
        Client().get("/v1/nope?query=secret", headers={"X-Request-ID": "mine"})
    (record,) = [one for one in caplog.records if one.name == "memory_layer.requests"]
    assert "secret" not in str(record.msg)
    assert record.msg["status"] == 404
    assert record.msg["request_id"] == "mine"


def test_a_probe_may_call_by_any_host():
    assert Client().get("/livez", headers={"Host": "10.0.0.7:8000"}).content == b"ok\n"


# --- Size -----------------------------------------------------------------------------------------------------------


def sized(length: str):
    request = RequestFactory().post("/v1/messages", CONTENT_LENGTH=length)
    return RequestSizeMiddleware(lambda _: HttpResponse("through"))(request)


@pytest.mark.parametrize("over", [1, 10**6, 10**30, int("9" * 4000)])
def test_a_body_over_the_limit_is_refused(settings, over):
    assert refused(sized(str(settings.MEMORY_REQUEST_MAX_BYTES + over))) == (413, "request_too_large")


def test_a_body_of_the_limit_passes(settings):
    assert sized(str(settings.MEMORY_REQUEST_MAX_BYTES)).content == b"through"


@pytest.mark.parametrize("length", ["", "0", "12"])
def test_small_ones_pass(length):
    assert sized(length).content == b"through"


@pytest.mark.parametrize("length", ["-1", "1.5", "x", "0x10", "1_0", " "])
def test_a_length_that_is_none_is_refused(length):
    assert refused(sized(length)) == (400, "bad_request")


@pytest.mark.parametrize("more", [{}, {"CONTENT_LENGTH": ""}])
def test_chunks_of_no_declared_length_are_refused(more):
    request = RequestFactory().generic("POST", "/v1/messages", HTTP_TRANSFER_ENCODING="chunked", **more)
    assert refused(RequestSizeMiddleware(lambda _: HttpResponse())(request)) == (411, "length_required")


def test_more_digits_than_python_reads_are_refused():
    assert refused(sized("9" * 5000)) == (413, "request_too_large")


# --- JSON errors ----------------------------------------------------------------------------------------------------


def through(path: str, view):
    return JsonErrorMiddleware(view)(RequestFactory().get(path))


@pytest.mark.parametrize(("html", "code"), [(HttpResponseNotFound, "not_found"), (HttpResponseServerError, "error")])
def test_html_errors_become_json_under_v1(html, code):
    assert refused(through("/v1/x", lambda _: html("<h1>Oops</h1>")))[1] == code


def test_elsewhere_html_stays():
    assert through("/admin/x", lambda _: HttpResponseNotFound("<h1>Oops</h1>")).content == b"<h1>Oops</h1>"


def test_a_page_that_is_no_error_stays():
    assert through("/v1/x", lambda _: HttpResponse("<h1>Fine</h1>")).content == b"<h1>Fine</h1>"


def test_a_foreign_host_is_refused_in_json():
    assert refused(Client().get("/v1/messages", headers={"Host": "evil.example"})) == (400, "bad_request")


def test_a_suspicious_request_is_refused_in_json_under_v1_only():
    middleware = JsonErrorMiddleware(lambda _: HttpResponse())
    answer = middleware.process_exception(RequestFactory().get("/v1/x"), SuspiciousOperation())
    assert refused(answer) == (400, "bad_request")
    assert middleware.process_exception(RequestFactory().get("/admin/"), SuspiciousOperation()) is None
    assert middleware.process_exception(RequestFactory().get("/v1/x"), ValueError()) is None


@pytest.mark.django_db
def test_debug_mode_shows_no_html_under_v1(settings):
    settings.DEBUG = True
    assert refused(Client().get("/v1/nope")) == (404, "not_found")


# --- Attempts to log in -------------------------------------------------------------------------------------------


def attempts(client, count: int, **headers: str) -> list[int]:
    wrong = {"username": "admin", "password": "wrong"}
    return [client.post("/admin/login/", wrong, headers=headers).status_code for _ in range(count)]


@pytest.mark.django_db
def test_passwords_cannot_be_guessed_for_long(client, settings) -> None:
    settings.MEMORY_LOGIN_RATE_LIMIT = "2/m"
    assert attempts(client, 3) == [200, 200, 429]
    assert int(client.post("/admin/login/", {})["Retry-After"]) > 0
    assert client.get("/admin/login/").status_code == 200


@pytest.mark.django_db
def test_attempts_are_counted_by_address(client, settings) -> None:
    settings.MEMORY_LOGIN_RATE_LIMIT, settings.MEMORY_TRUSTED_PROXY_HOPS = "1/m", 1
    seen = [attempts(client, 1, **{"X-Forwarded-For": one})[0] for one in ("192.0.2.1", "192.0.2.1", "192.0.2.2")]
    assert seen == [200, 429, 200]


@pytest.mark.django_db
@pytest.mark.parametrize(("is_open", "status"), [(True, 200), (False, 503)])
def test_without_redis_attempts_pass_or_not_as_the_settings_say(client, settings, monkeypatch, is_open, status) -> None:
    settings.MEMORY_LOGIN_RATE_LIMIT, settings.MEMORY_RATE_LIMIT_FAIL_OPEN = "1/m", is_open
    monkeypatch.setattr(counter, "_may_ask", lambda: False)
    assert attempts(client, 2) == [status, status]
