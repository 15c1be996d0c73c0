"""How often a client may ask: by address, tenant and user key. Counted in Redis, for all processes together."""

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import prometheus_client
import structlog
from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from redis.exceptions import RedisError
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from tenants import rates
from tenants.addresses import client_network
from tenants.models import Tenant

if TYPE_CHECKING:
    from tenants.authentication import Caller

log = structlog.get_logger(__name__)
hits = prometheus_client.Counter("rate_limit_hits_total", "Requests refused by a rate limit.", ["kind"])
uncounted = prometheus_client.Counter(
    "rate_limit_uncounted_total", "Requests that came while Redis did not answer.", ["outcome"]
)


class RateLimited(exceptions.Throttled):
    default_code = "rate_limited"
    default_detail = "Too many requests."
    extra_detail_singular = "Try again in {wait} second."
    extra_detail_plural = "Try again in {wait} seconds."


class RateLimitsUnavailable(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "rate_limits_unavailable"
    default_detail = "Requests cannot be counted just now, and uncounted ones are not let in. Try again."
    is_logged = True  # once an outage


@dataclass(frozen=True)
class Limit:
    """`rate` (such as "120/m"; None: no limit) for all requests with the same `kind` and `value` together."""

    kind: str
    value: str
    rate: str | None


@dataclass(frozen=True)
class Usage:
    """What one limit has left; `reset` is the seconds until it is whole again."""

    limit: int
    count: int
    reset: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.count)


class Counter:
    """Counts requests. While Redis does not answer, one request a second finds that out and the others do not wait."""

    PAUSE_SECONDS = 1.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_down = False
        self._ask_again_at = 0.0

    def count(self, request: HttpRequest, limit: Limit) -> Usage | None:
        """The usage with this request counted; None if it could not be counted and may pass all the same.

        Raises RateLimitsUnavailable if it may not (MEMORY_RATE_LIMIT_FAIL_OPEN).
        """
        if self._may_ask():
            try:
                usage = get_usage(
                    request, group=limit.kind, key=lambda *_: limit.value, rate=limit.rate, increment=True
                )
            except (RedisError, OSError) as error:
                self._note(is_down=True, error=type(error).__name__)
            else:
                self._note(is_down=False)
                # The window's last second is part of it.
                return Usage(limit=usage["limit"], count=usage["count"], reset=usage["time_left"] + 1)
        uncounted.labels("passed" if settings.MEMORY_RATE_LIMIT_FAIL_OPEN else "refused").inc()
        if settings.MEMORY_RATE_LIMIT_FAIL_OPEN:
            return None
        raise RateLimitsUnavailable

    def _may_ask(self) -> bool:
        with self._lock:
            now = time.monotonic()
            if self._is_down and now < self._ask_again_at:
                return False
            self._ask_again_at = now + self.PAUSE_SECONDS
            return True

    def _note(self, *, is_down: bool, **why: str) -> None:
        with self._lock:
            changed, self._is_down = self._is_down != is_down, is_down
        if changed:
            log.warning("rate_limits_unavailable" if is_down else "rate_limits_available_again", **why)


counter = Counter()


def by_address(request: Request) -> Limit:
    return Limit("address", client_network(request), settings.MEMORY_GLOBAL_RATE_LIMIT)


def by_tenant(tenant: Tenant) -> Limit:
    own = tenant.rate_limit
    return Limit("tenant", tenant.slug, settings.MEMORY_TENANT_RATE_LIMIT if own is None else rates.parse(own))


def by_key(caller: "Caller") -> list[Limit]:
    """The limits that a key alone says: a deployment key's tenant is known only when the request was read."""
    limits = [by_tenant(caller.tenant)] if caller.tenant else []
    if caller.kind == "user":
        limits.append(Limit("user_key", str(caller.key_id), settings.MEMORY_USER_KEY_RATE_LIMIT))
    return limits


class KeyThrottle(BaseThrottle):
    def allow_request(self, request: Request, view: APIView) -> bool:
        cast("RateLimitedView", view).spend(*by_key(cast("Caller", request.user)))
        return True


class RateLimitedView(APIView):
    """Counts each request by its address, before its key is looked at, and then by its key."""

    throttle_classes = (KeyThrottle,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.usages: list[Usage] = []
        # Read before anything is refused, or a client that still sends sees its connection break instead of the answer;
        # and once, so that both the parser and the idempotency digest have it.
        request.body  # noqa: B018
        self.spend(by_address(request))
        super().initial(request, *args, **kwargs)

    def spend(self, *limits: Limit) -> None:
        """Count the request by all of `limits`. Raises RateLimited if one of them is used up."""
        counted = {limit.kind: counter.count(self.request, limit) for limit in limits if limit.rate}
        usages = {kind: usage for kind, usage in counted.items() if usage}
        self.usages += usages.values()
        exceeded = [kind for kind, usage in usages.items() if usage.count > usage.limit]
        for kind in exceeded:
            hits.labels(kind).inc()
        if exceeded:
            raise RateLimited(tightest(self.usages).reset)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Say what is left of the limit that is used up first."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.usages:
            usage = tightest(self.usages)
            response["X-RateLimit-Limit"] = str(usage.limit)
            response["X-RateLimit-Remaining"] = str(usage.remaining)
            response["X-RateLimit-Reset"] = str(usage.reset)
        return response


def tightest(usages: list[Usage]) -> Usage:
    """The one with the least left; of several, the one that takes longest to be whole again."""
    return min(usages, key=lambda usage: (usage.remaining, -usage.reset))
