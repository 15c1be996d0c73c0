"""What every view of /v1 shares: validated input, the caller's tenant, cursor pages."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, cast
from uuid import UUID

import structlog
from django.db.models import Model, Q, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions, viewsets
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.settings import api_settings

from tenants import idempotency, replicas
from tenants.api.serializers import StrictSerializer, TenantQuery
from tenants.authentication import Caller
from tenants.models import Scope, Tenant
from tenants.rate_limits import RateLimitedView, by_tenant

METADATA_PREFIX = "metadata."
NON_FIELD_ERRORS = api_settings.NON_FIELD_ERRORS_KEY
METADATA_PARAMETER = OpenApiParameter(
    "metadata.KEY",
    str,
    description="Only messages whose metadata has this value under KEY; repeatable with other keys.",
)
M = TypeVar("M", bound=Model)


class TenantViewSet(RateLimitedView, viewsets.ViewSet):
    """A view of one tenant's rows: `tenant_of` says whose, `caller.scope(tenant)` lets the database see to it."""

    @property
    def caller(self) -> Caller:
        return cast("Caller", self.request.user)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        idempotency.given_key(request)  # a bad one is refused before anything is stored, a new tenant included
        handler = str(request.method).lower()
        if self.only_reads and hasattr(self, handler):
            setattr(self, handler, replicas.from_replica(getattr(self, handler)))

    @property
    def only_reads(self) -> bool:
        """A GET, or a POST that has a body only to ask."""
        by_body = getattr(self, "scopes", {}).get(self.action) == Scope.READ
        return by_body or self.request.method in SAFE_METHODS

    def tenant_of(self, given: Mapping[str, Any], *, create: bool = False) -> Tenant:
        tenant = self.caller.tenant_for(given.get("tenant_id"), create=create)
        if self.caller.tenant is None:  # else the key said it, and the request is counted already
            self.spend(by_tenant(tenant))
        structlog.contextvars.bind_contextvars(tenant=tenant.slug)
        return tenant

    @contextmanager
    def scope(self, given: Mapping[str, Any] | None = None) -> Iterator[Tenant]:
        """The tenant that a read or a change is about, in a transaction that sees what the caller may see of it.

        Without `given`, for calls that name a row in their path, the tenant may stand in the query string.
        """
        tenant = self.tenant_of(self.query(TenantQuery) if given is None else given)
        with self.caller.scope(tenant):
            yield tenant

    def with_own_user(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """`given`, about the end user of the caller's key unless it names one; the database refuses any other."""
        whose = given.get("user_id") or self.caller.end_user_id
        return {**given, "user_id": str(whose)} if whose else dict(given)

    def user_of(self, given: Mapping[str, Any]) -> str:
        """The id of the end user whom a call is about: the one it names, or the one of the caller's key."""
        whose = self.with_own_user(given).get("user_id")
        if whose is None:
            message = "Name the end user; only with a key of an end user it may be left out."
            raise exceptions.ValidationError({"user_id": message}, code="required")
        return str(whose)

    def tenant_of_body(self, body: Mapping[str, Any], *, create: bool = False) -> Tenant:
        """For calls whose input is a body: the tenant stands there or in the query string."""
        return self.tenant_of(self.query(TenantQuery) | dict(body), create=create)

    def query(self, serializer: type[StrictSerializer]) -> dict[str, Any]:
        """The query string, validated."""
        given = with_metadata_gathered(self.request.query_params.dict())
        return validated(serializer, given, from_query=True)

    def body(self, serializer: type[StrictSerializer]) -> dict[str, Any]:
        """The JSON body, validated."""
        return validated(serializer, self.request.data)


def validated(serializer: type[StrictSerializer], data: Any, *, from_query: bool = False) -> dict[str, Any]:
    """`data` as `serializer` reads it. Raises ValidationError."""
    if data is None:
        raise exceptions.ValidationError({NON_FIELD_ERRORS: ["No data provided"]}, code="null")
    return cast("dict[str, Any]", _kept(serializer, from_query=from_query).run_validation(data))


def shown(serializer: type[Serializer[Any]], row: object, **context: bool) -> dict[str, Any]:
    """`row` as `serializer` writes it in this `context`."""
    return _kept(serializer, **context).to_representation(row)


@cache
def _kept(serializer: type[Serializer[Any]], **context: bool) -> Serializer[Any]:
    """One for all requests: to make its fields takes several times as long as to read a body with them."""
    return serializer(context=context)


def with_metadata_gathered(given: Mapping[str, Any]) -> dict[str, Any]:
    """`{"metadata.KEY": VALUE}` as `{"metadata": {KEY: VALUE}}`."""
    plain = {name: value for name, value in given.items() if not name.startswith(METADATA_PREFIX)}
    dotted = {
        name.removeprefix(METADATA_PREFIX): value for name, value in given.items() if name.startswith(METADATA_PREFIX)
    }
    metadata = plain.get("metadata", {})
    return plain | {"metadata": metadata | dotted} if dotted and isinstance(metadata, dict) else plain


def page(
    queryset: QuerySet[M], *, limit: int, cursor: str | None = None, newest_first: bool = True
) -> tuple[list[M], str | None]:
    """One page by (created_at, id), and the cursor of the next one; None at the end.

    The cursor names the last row seen, so that rows added or removed meanwhile neither repeat nor hide any.
    """
    operator, sign = ("lt", "-") if newest_first else ("gt", "")
    if cursor:
        created_at, pk = read_cursor(cursor)
        same_time = Q(created_at=created_at, **{f"pk__{operator}": pk})
        beyond = Q(**{f"created_at__{operator}": created_at}) | same_time
        queryset = queryset.filter(beyond, **{f"created_at__{operator}e": created_at})
    rows = list(queryset.order_by(f"{sign}created_at", f"{sign}pk")[: limit + 1])
    return rows[:limit], write_cursor(rows[limit - 1]) if len(rows) > limit else None


def write_cursor(row: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps([row.created_at.isoformat(), str(row.pk)]).encode()).decode()


def read_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        created_at, pk = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
        return datetime.fromisoformat(created_at).astimezone(UTC), UUID(pk)
    except (ValueError, TypeError, AttributeError, OverflowError):
        message = "This is not a cursor of ours; send next_cursor as it came, or leave it out to start over."
        raise exceptions.ValidationError({"cursor": message}, code="invalid_cursor") from None
