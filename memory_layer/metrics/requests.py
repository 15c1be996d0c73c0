"""What is counted of requests. A label is a URL template or one of few words: never what a client made up."""

from django.http import HttpRequest, HttpResponseBase
from prometheus_client import Counter, Histogram

from memories.metrics import SHORT

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

requests = Counter("http_requests_total", "Requests answered.", ["method", "route", "status"])
request_seconds = Histogram(
    "http_request_duration_seconds", "From a request to its answer.", ["method", "route"], buckets=SHORT
)


def route_of(request: HttpRequest) -> str:
    """The template of the URL, such as `v1/messages/<uuid:message_id>`; "unmatched" where no view was come to."""
    return request.resolver_match.route if request.resolver_match else "unmatched"


def count(request: HttpRequest, response: HttpResponseBase, *, seconds: float) -> None:
    method = request.method if request.method in METHODS else "other"
    route = route_of(request)
    requests.labels(method, route, response.status_code).inc()
    request_seconds.labels(method, route).observe(seconds)
