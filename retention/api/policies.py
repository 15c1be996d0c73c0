"""`/v1/retention/policy` and `/v1/retention/rules`."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from retention.api import shapes
from retention.models import Rule
from retention.policies import policy_of
from tenants import audit
from tenants.api.base import TenantViewSet, page
from tenants.api.serializers import PageQuery, TenantQuery
from tenants.idempotency import once
from tenants.models import Scope, Tenant


class RuleExists(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "rule_exists"
    default_detail = "A rule of this name exists already; change it, or choose another name."


@extend_schema(tags=["Retention"])
class PolicyViewSet(TenantViewSet):
    """How long a tenant's messages stay."""

    required_scope = Scope.ADMIN

    @extend_schema(parameters=[TenantQuery], responses=shapes.PolicySerializer)
    def retrieve(self, request: Request) -> Response:
        """The policy in force: the tenant's own, or that of the settings."""
        with self.scope() as tenant:
            return Response(shapes.PolicySerializer(policy_of(tenant)).data)

    @extend_schema(request=shapes.PolicyBody, parameters=[TenantQuery], responses=shapes.PolicySerializer)
    def update(self, request: Request) -> Response:
        """Change the limits that are given; null takes one away. The tenant's policy comes into being with it."""
        given = self.body(shapes.PolicyBody)
        tenant = self.tenant_of_body(given, create=True)
        changes = {name: value for name, value in given.items() if name != "tenant_id"}
        with self.caller.scope(tenant):
            policy = policy_of(tenant)
            for name, value in changes.items():
                setattr(policy, name, value)
            policy.save()
            audit.record("retention_policy.changed", policy, tenant=tenant, **changes)
        return Response(shapes.PolicySerializer(policy).data)

    partial_update = update


@extend_schema(tags=["Retention"])
class RuleViewSet(TenantViewSet):
    """Rules decide before the policy does; of several that fit a message, the one with the lowest priority number."""

    required_scope = Scope.ADMIN
    lookup_url_kwarg = "rule_id"
    lookup_value_converter = "uuid"

    @extend_schema(parameters=[PageQuery], responses=shapes.RulePage)
    def list(self, request: Request) -> Response:
        """Rules, the newest first."""
        given = self.query(PageQuery)
        with self.scope(given) as tenant:
            rules = Rule.objects.for_tenant(tenant).select_related("tenant")
            rows, next_cursor = page(rules, limit=given["limit"], cursor=given.get("cursor"))
        return Response({"items": shapes.RuleSerializer(rows, many=True).data, "next_cursor": next_cursor})

    @extend_schema(request=shapes.NewRule, parameters=[TenantQuery], responses={201: shapes.RuleSerializer})
    def create(self, request: Request) -> Response:
        given = self.body(shapes.NewRule)
        tenant = self.tenant_of_body(given, create=True)
        fields = {name: value for name, value in given.items() if name != "tenant_id"}
        return once(request, tenant, lambda: _created(Rule(tenant=tenant, **fields)))

    @extend_schema(parameters=[TenantQuery], responses=shapes.RuleSerializer)
    def retrieve(self, request: Request, rule_id: UUID) -> Response:
        with self.scope() as tenant:
            return Response(shapes.RuleSerializer(one(tenant, rule_id)).data)

    @extend_schema(request=shapes.RuleChanges, parameters=[TenantQuery], responses=shapes.RuleSerializer)
    def update(self, request: Request, rule_id: UUID) -> Response:
        """Change the fields that are given."""
        changes = self.body(shapes.RuleChanges)
        with self.scope() as tenant:
            rule = one(tenant, rule_id)
            for name, value in changes.items():
                setattr(rule, name, value)
            rule.conditions = shapes.checked_conditions(rule.rule_type, rule.conditions)
            _save(rule, "retention_rule.changed", **changes)
        return Response(shapes.RuleSerializer(rule).data)

    partial_update = update

    @extend_schema(parameters=[TenantQuery], responses={204: None})
    def destroy(self, request: Request, rule_id: UUID) -> Response:
        with self.scope() as tenant:
            rule = one(tenant, rule_id)
            audit.record("retention_rule.deleted", rule, tenant=tenant, name=rule.name)
            rule.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


def one(tenant: Tenant, rule_id: UUID) -> Rule:
    return get_object_or_404(Rule.objects.for_tenant(tenant).select_related("tenant"), pk=rule_id)


def _created(rule: Rule) -> Response:
    _save(rule, "retention_rule.created", name=rule.name)
    rule.refresh_from_db()
    return Response(shapes.RuleSerializer(rule).data, status=status.HTTP_201_CREATED)


def _save(rule: Rule, action: str, **detail: Any) -> None:
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError:
        raise RuleExists from None
    audit.record(action, rule, tenant=rule.tenant, **detail)
