"""What every request goes through before a view sees it: liveness, an id, a size limit, JSON errors, operators."""

import logging
import re
import time
from collections.abc import Callable
from functools import cache

import structlog
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import resolve, reverse
from uuid_utils.compat import uuid7

from memory_layer import tracing
from memory_layer.errors import error_response
from memory_layer.metrics import requests
from tenants import audit
from tenants.addresses import client_address, client_network
from tenants.isolation import across_tenants
from tenants.rate_limits import Limit, RateLimitsUnavailable, counter, hits

View = Callable[[HttpRequest], HttpResponseBase]
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
LENGTH_DIGITS = 18
QUIET_PATHS = ("/livez", "/metrics", "/static/")
log = structlog.get_logger("memory_layer.requests")


class RequestIdMiddleware:
    """Takes or makes `X-Request-ID`, for every log line, the trace and the response; logs a line, never the query."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if SANE_REQUEST_ID.fullmatch(given) else str(uuid7())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        if request.path.startswith(QUIET_PATHS):
            response = self.get_response(request)
        else:
            response = self._reported(request, request_id)
        response["X-Request-ID"] = request_id
        return response

    def _reported(self, request: HttpRequest, request_id: str) -> HttpResponseBase:
        started = time.perf_counter()
        with tracing.request_span(request, request_id) as span:
            response = self.get_response(request)
            route = requests.route_of(request)
            tracing.describe(span, response, method=str(request.method), route=route)
            about = {"method": request.method, "route": route, "status": response.status_code}
            level = logging.ERROR if response.status_code >= 500 else logging.INFO
            seconds = time.perf_counter() - started
            requests.count(request, response, seconds=seconds)
            log.log(level, "request", **about, ms=round(seconds * 1000, 1))
        return response


class LivenessMiddleware:
    """Answers `/livez` before anything else is asked, the Host header included: probes call by address."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path == "/livez":
            return HttpResponse("ok\n", content_type="text/plain")
        return self.get_response(request)


class RequestSizeMiddleware:
    """Refuses a body over MEMORY_REQUEST_MAX_BYTES by its declared length, before any of it is read."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "Transfer-Encoding" in request.headers and not request.META.get("CONTENT_LENGTH"):
            return error_response(411, "length_required", "Send the body's Content-Length: chunks are not accepted.")
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal():
            return error_response(400, "bad_request", "Content-Length must be a whole number.")
        if len(length) > LENGTH_DIGITS or int(length) > settings.MEMORY_REQUEST_MAX_BYTES:
            limit = settings.MEMORY_REQUEST_MAX_BYTES
            return error_response(
                413, "request_too_large", f"The body is over the limit of {limit} bytes; send less at once."
            )
        return self.get_response(request)


class JsonErrorMiddleware:
    """Under /v1 no error leaves as HTML: what no view answered gets the one error shape too."""

    MESSAGES = {
        400: ("bad_request", "The request could not be understood."),
        403: ("permission_denied", "This is not allowed."),
        404: ("not_found", "There is nothing at this address; the paths are listed at /docs."),
        500: ("error", "The server failed; the request id leads to the reason in its log."),
    }

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_html = response.get("Content-Type", "").startswith("text/html")
        if request.path.startswith("/v1") and is_html and response.status_code in self.MESSAGES:
            return error_response(response.status_code, *self.MESSAGES[response.status_code])
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if request.path.startswith("/v1") and isinstance(exception, SuspiciousOperation):
            return error_response(400, *self.MESSAGES[400])
        return None


@cache
def _path(name: str) -> str:
    """`reverse`, which takes as long as all of the middleware together, asked once."""
    return reverse(name)


class LoginLimitMiddleware:
    """Counts attempts to log in to the admin by address (MEMORY_LOGIN_RATE_LIMIT): passwords are not to be guessed."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method != "POST" or request.path != _path("admin:login"):
            return self.get_response(request)
        limit = Limit("login", client_network(request), settings.MEMORY_LOGIN_RATE_LIMIT)
        try:
            usage = counter.count(request, limit) if limit.rate else None
        except RateLimitsUnavailable as error:
            return HttpResponse(str(error), "text/plain", status=error.status_code)
        if usage is None or usage.count <= usage.limit:
            return self.get_response(request)
        hits.labels(limit.kind).inc()
        wait = {"Retry-After": str(usage.reset)}
        return HttpResponse("Too many attempts; try again later.", "text/plain", status=429, headers=wait)


class OperatorMiddleware:
    """Operators see all tenants in the admin and are named in the audit trail; a request that fails changes nothing."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not (request.path.startswith(_path("admin:index")) and request.user.is_staff):
            return self.get_response(request)
        audit.act_as(audit.ActorKind.OPERATOR, request.user.get_username(), address=client_address(request))
        if getattr(resolve(request.path_info).func, "enters_own_scopes", False):  # see `tenants.admin_base`
            return self.get_response(request)
        with across_tenants():
            response = self.get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
            return response
