"""The one error shape: `{"type", "errors": [{"code", "detail", "attr"}]}` (drf-standardized-errors)."""

from collections.abc import Callable
from json import JSONDecodeError

from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig
from django.db import IntegrityError, OperationalError
from django.http import JsonResponse
from drf_standardized_errors.handler import ExceptionHandler as StandardHandler
from psycopg import errors as database_errors
from rest_framework import exceptions, status
from rest_framework.response import Response

from memories.editing import Held
from memories.ingest import Taken


class RequestTooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "request_too_large"
    default_detail = "The body is over the limit; send less at once."


class Conflict(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = "Another request changed the same thing meanwhile. Nothing was stored; try again."


class DatabaseUnavailable(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "database_unavailable"
    # Not that nothing was stored: a connection that breaks at the commit leaves that open.
    default_detail = "The database does not answer. Try again, with the same Idempotency-Key where you store."


class DeadlineExceeded(exceptions.APIException):
    status_code = status.HTTP_504_GATEWAY_TIMEOUT
    default_code = "deadline_exceeded"
    default_detail = "The database took longer than a request may. Ask for less at once, or try again."


class IdTaken(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "taken"

    def __init__(self, taken: Taken) -> None:
        super().__init__(f"{taken} Choose another one.", code=f"{taken.field}_taken")


class OutOfReach(exceptions.PermissionDenied):
    """Row-level security refused a write."""

    default_detail = "This key may not write for whom the request names."


class LegalHold(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "legal_hold"
    default_detail = "A legal hold is on it: nothing of it may be changed or deleted until the hold is released."


# Whatever a view meets, by its kind; causes, which the driver knows, say more than Django's own exceptions.
CAUSES: dict[type[BaseException], Callable[[], exceptions.APIException]] = {
    database_errors.DeadlockDetected: Conflict,
    database_errors.QueryCanceled: DeadlineExceeded,
    database_errors.InsufficientPrivilege: OutOfReach,
}
KINDS: dict[type[Exception], Callable[[], exceptions.APIException]] = {
    RequestDataTooBig: RequestTooLarge,
    Held: LegalHold,
    IntegrityError: Conflict,
    OperationalError: DatabaseUnavailable,
    ObjectDoesNotExist: exceptions.NotFound,  # deleted by somebody else meanwhile
}


class ExceptionHandler(StandardHandler):
    """Gives errors of Django and of the database, met inside a view, their status and code."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, exceptions.ParseError) and isinstance(exc.__context__, ValueError):
            return exceptions.ParseError(f"The body is not valid JSON: {_flaw(exc.__context__)}.")
        if isinstance(exc, RecursionError):
            return exceptions.ParseError("The JSON is nested too deeply.")
        if isinstance(exc, Taken):
            return IdTaken(exc)
        by_cause = (answer for kind, answer in CAUSES.items() if isinstance(exc.__cause__, kind))
        by_kind = (answer for kind, answer in KINDS.items() if isinstance(exc, kind))
        answer = next(by_cause, None) or next(by_kind, None)
        return answer() if answer else super().convert_known_exceptions(exc)

    def report_exception(self, exc: exceptions.APIException, response: Response) -> None:
        """What was logged where it was noticed is not logged again by every request that it meets."""
        if getattr(exc, "is_logged", False):
            response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - so Django need not log it
        else:
            super().report_exception(exc, response)


def _flaw(error: ValueError) -> str:
    if isinstance(error, JSONDecodeError):
        return f"{error.msg} (line {error.lineno}, column {error.colno})"
    return "it is not UTF-8" if isinstance(error, UnicodeError) else "a number in it is too long, or is none"


def error_response(status_code: int, code: str, detail: str) -> JsonResponse:
    """The same shape for what is refused outside of a view."""
    kind = "client_error" if status_code < status.HTTP_500_INTERNAL_SERVER_ERROR else "server_error"
    return JsonResponse({"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]}, status=status_code)
