"""The one error shape, for whatever a view may raise."""

import json

import pytest
from django.core.exceptions import RequestDataTooBig
from django.db import DataError, IntegrityError, OperationalError
from psycopg import errors as database_errors
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from memory_layer.errors import error_response

SECRET = "password=hunter2"


def answer(error: Exception):
    """What a client gets if a view raises this."""

    class View(APIView):
        authentication_classes = ()
        permission_classes = ()

        def get(self, request: Request):
            raise error

    return View.as_view()(APIRequestFactory().get("/v1/x"))


def because(cause: Exception) -> OperationalError:
    error = OperationalError(SECRET)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (RequestDataTooBig(), 413, "client_error", "request_too_large"),
        (RecursionError(), 400, "client_error", "parse_error"),
        (IntegrityError(SECRET), 409, "client_error", "conflict"),
        (because(database_errors.DeadlockDetected()), 409, "client_error", "conflict"),
        (because(database_errors.QueryCanceled()), 504, "server_error", "deadline_exceeded"),
        (OperationalError(SECRET), 503, "server_error", "database_unavailable"),
        (ValidationError({"a": "No."}), 400, "validation_error", "invalid"),
        (ParseError(), 400, "client_error", "parse_error"),
        (DataError(SECRET), 500, "server_error", "error"),
        (ZeroDivisionError(SECRET), 500, "server_error", "error"),
    ],
)
def test_each_error_has_its_status_and_code_and_tells_no_secret(error, status, kind, code):
    response = answer(error)
    assert (response.status_code, response.data["type"]) == (status, kind)
    (entry,) = response.data["errors"]
    assert entry["code"] == code
    assert entry["detail"]
    assert SECRET not in str(response.data)


def test_a_field_deep_in_the_body_is_named_by_its_path():
    response = answer(ValidationError({"a": [{}, {"b": ["No."]}]}))
    assert [one["attr"] for one in response.data["errors"]] == ["a.1.b"]


def test_what_no_view_answers_looks_the_same():
    body = json.loads(error_response(503, "busy", "Come back later.").content)
    assert body == {"type": "server_error", "errors": [{"code": "busy", "detail": "Come back later.", "attr": None}]}
    assert json.loads(error_response(404, "x", "y").content)["type"] == "client_error"
