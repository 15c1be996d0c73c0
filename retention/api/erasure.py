"""`DELETE /v1/users/{id}`, `/v1/retention/erase` and `/v1/retention/receipts`."""

from typing import Any

from drf_spectacular.utils import extend_schema
from redis.exceptions import RedisError
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from retention.api import shapes
from retention.cold_files import CorruptColdFile
from retention.erasure import receipts, subjects
from retention.erasure.erase import ErasureIncomplete, erase, plan_erasure
from retention.erasure.subjects import Subject, UnknownSubject
from retention.models import Receipt
from tenants.api.base import TenantViewSet, page
from tenants.api.serializers import PageQuery, TenantQuery
from tenants.api.users import UserView
from tenants.models import Scope, Tenant


class SubjectNotFound(exceptions.NotFound):
    default_code = "not_found"


class ColdFileUnreadable(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "cold_file_unreadable"
    default_detail = "A file of cold storage cannot be read, so nothing was erased: restore it, or have it removed."


class RedisUnavailable(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "redis_unavailable"
    default_detail = "Redis does not answer, so what it holds could not be erased. Nothing was; try again."


class ErasureView(TenantViewSet):
    def subject(self, tenant: Tenant, kind: str, name: str) -> Subject:
        with self.caller.scope(tenant):
            try:
                return subjects.find(tenant, kind, name)
            except UnknownSubject as error:
                raise SubjectNotFound(str(error)) from None


@extend_schema(tags=["Users"])
class UserErasureView(UserView, ErasureView):
    """What is known of an end user, and its end: one address, two rooms."""

    @extend_schema(parameters=[TenantQuery], responses={200: shapes.ReceiptSerializer})
    def destroy(self, request: Request, user_id: str) -> Response:
        """Erase an end user with every trace, prove it, and answer with a receipt."""
        tenant = self.tenant_of(self.query(TenantQuery))
        return Response(_shown(_erased(self.subject(tenant, "user", user_id))))


@extend_schema(tags=["Retention"])
class ErasureViewSet(ErasureView):
    """Erasure, proven; receipts that say so."""

    required_scope = Scope.ADMIN

    @extend_schema(request=shapes.ErasureBody, parameters=[TenantQuery], responses=shapes.ErasureAnswer)
    def create(self, request: Request) -> Response:
        """Erase an end user, a conversation or the whole tenant; a dry run says what would go, by kind."""
        given = self.body(shapes.ErasureBody)
        tenant = self.tenant_of_body(given)
        kind, name = _named(given)
        subject = self.subject(tenant, kind, name)
        if given["dry_run"]:
            return Response({"dry_run": True, "counts": plan_erasure(subject), "receipt": None})
        receipt = _erased(subject)
        return Response({"dry_run": False, "counts": receipt.counts, "receipt": _shown(receipt)})

    @extend_schema(parameters=[PageQuery], responses=shapes.ReceiptPage)
    def list(self, request: Request) -> Response:
        """Receipts, the newest first."""
        given = self.query(PageQuery)
        with self.scope(given) as tenant:
            mine = Receipt.objects.filter(tenant=tenant)
            rows, next_cursor = page(mine, limit=given["limit"], cursor=given.get("cursor"))
        return Response({"items": [_shown(row) for row in rows], "next_cursor": next_cursor})


def _named(given: dict[str, Any]) -> tuple[str, str]:
    kinds = {"user_id": "user", "conversation_id": "conversation", "whole_tenant": "tenant"}
    field = next(name for name in kinds if given.get(name))
    return kinds[field], str(given[field])


def _erased(subject: Subject) -> Receipt:
    try:
        return erase(subject)
    except ErasureIncomplete as error:
        return error.receipt
    except CorruptColdFile:
        raise ColdFileUnreadable from None
    except RedisError:
        raise RedisUnavailable from None


def _shown(receipt: Receipt) -> dict[str, Any]:
    """The receipt as it was signed, and whether anything was left."""
    return {**receipts.as_json(receipt), "complete": not receipt.proof["found"]}
