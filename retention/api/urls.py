"""The addresses of this room, under /v1."""

from django.urls import path
from rest_framework.routers import SimpleRouter

import tenants.api.converters  # noqa: F401 - for `user_id`
from retention.api.erasure import ErasureViewSet, UserErasureView
from retention.api.holds import HoldViewSet
from retention.api.policies import PolicyViewSet, RuleViewSet
from retention.api.runs import RetentionRunView, RunViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("retention/rules", RuleViewSet, basename="retention-rule")
router.register("retention/runs", RunViewSet, basename="retention-run")
router.register("retention/holds", HoldViewSet, basename="hold")
urlpatterns = [
    path("admin/retention/run", RetentionRunView.as_view({"post": "run"})),
    path("retention/execute", RunViewSet.as_view({"post": "execute"})),
    path("retention/policy", PolicyViewSet.as_view({"get": "retrieve", "put": "update", "patch": "partial_update"})),
    path("retention/erase", ErasureViewSet.as_view({"post": "create"})),
    path("retention/receipts", ErasureViewSet.as_view({"get": "list"})),
    path("users/<user_id:user_id>", UserErasureView.as_view({"get": "retrieve", "delete": "destroy"})),
    *router.urls,
]
